"""A body of many entries, as clients and their tools write it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenant_auth.http.entries import NDJSON, EntriesError, NotJson, NotJsonError, entries

LINES = NDJSON[0]
ARRAY = "application/json"
A, B = {"a": 1}, {"b": "ü"}
texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("media_type", NDJSON)
@pytest.mark.parametrize(
    "text",
    [
        '{"a":1}\n{"b":"ü"}\n',
        '{"a":1}\n{"b":"ü"}',  # Elasticsearch refuses a body without the last line feed; nobody means it
        '{"a":1}\r\n{"b":"ü"}\r\n',
        '\n\n{"a":1}\n  \n{"b":"ü"}\n\n',
        '\ufeff{"a":1}\n{"b":"ü"}\n',
        ' {"a":1} \n\t{"b":"ü"}',
    ],
)
def test_given_lines_as_tools_write_them_when_read_then_each_is_an_entry(media_type: str, text: str) -> None:
    assert entries(text.encode(), media_type, 2) == [A, B]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\r\\n"])
def test_given_what_only_python_takes_for_the_end_of_a_line_when_read_then_it_is_text(separator: str) -> None:
    line = json.dumps({"a": f"one{separator}two"}, ensure_ascii=False)
    assert entries(f"{line}\n{line}\n".encode(), LINES, 2) == [json.loads(line)] * 2


def test_given_a_line_that_is_no_json_when_read_then_it_is_one_entry_and_the_others_stay() -> None:
    found = entries(b'{"a":1}\n{"a":\n1}\n' + b"[" * 30_000 + b'\n{"b":"\xc3\xbc"}', LINES, 9)
    assert [found[0], found[-1]] == [A, B]
    assert [type(each) for each in found[1:-1]] == [NotJson] * 3


@pytest.mark.parametrize("text", ['[{"a":1},{"b":"ü"}]', '\ufeff [\n{"a":1},\r\n{"b":"ü"}\n]\n'])
def test_given_an_array_when_read_then_each_item_is_an_entry(text: str) -> None:
    assert entries(text.encode(), ARRAY, 2) == [A, B]


@pytest.mark.parametrize("text", ["", "{", '{"a":1}\n{"b":1}', "[1,]", "[" * 30_000, "a,b\n1,2"])
def test_given_no_json_when_read_then_the_error_says_how_lines_are_sent(text: str) -> None:
    with pytest.raises(NotJsonError, match="application/x-ndjson"):
        entries(text.encode(), ARRAY, 2)


@pytest.mark.parametrize("text", ['{"a":1}', "1", "null", '"[]"'])
def test_given_json_that_is_no_list_when_read_then_the_error_says_so(text: str) -> None:
    with pytest.raises(EntriesError, match="even for one entry"):
        entries(text.encode(), ARRAY, 2)


@pytest.mark.parametrize(("body", "media_type"), [(b"[]", ARRAY), (b"", LINES), (b"\n \n", LINES)])
def test_given_no_entry_when_read_then_the_error_says_how_many_there_may_be(
    body: bytes, media_type: str
) -> None:
    with pytest.raises(EntriesError, match="Send 1 to 2"):
        entries(body, media_type, 2)


@pytest.mark.parametrize(("body", "media_type"), [(b"[1,2,3]", ARRAY), (b"1\n2\n3", LINES)])
def test_given_too_many_when_read_then_the_error_counts_them(body: bytes, media_type: str) -> None:
    with pytest.raises(EntriesError, match=r"There are 3 entries\. Send 2 at most"):
        entries(body, media_type, 2)


@given(st.lists(json_values, min_size=1, max_size=5))
def test_given_any_values_when_written_as_lines_or_array_then_they_are_read_back(
    values: list[object],
) -> None:
    lines = "\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    assert entries(lines.encode(), LINES, 5) == values
    assert entries(json.dumps(values).encode(), ARRAY, 5) == values
