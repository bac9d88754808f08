"""A file becomes entries with their lines; what cannot be one is named, and spoils no other."""

import json
from pathlib import Path
from typing import Any

import pytest
from mesh.errors import MeshError
from mesh.importing.entries import LONGEST_LINE, Entry, Refused, read

ADA = {"email": "ada@x.dev", "name": "Ada"}


def write(tmp_path: Path, name: str, content: bytes) -> Path:
    file = tmp_path / name
    file.write_bytes(content)
    return file


def entries(file: Path) -> list[tuple[int, Any]]:
    return [(each.line, json.loads(each.json)) for each in read(file) if isinstance(each, Entry)]


def refused(file: Path) -> list[tuple[int, str]]:
    return [(each.line, each.problem) for each in read(file) if isinstance(each, Refused)]


@pytest.mark.parametrize(
    "content",
    [
        b"email,name\nada@x.dev,Ada\n",
        b"email,name\nada@x.dev,Ada",
        b"email,name\r\nada@x.dev,Ada\r\n",
        b"\xef\xbb\xbfemail,name\r\nada@x.dev,Ada\r\n",  # as a spreadsheet writes “CSV UTF-8”
        b'\xef\xbb\xbf"email","name"\n"ada@x.dev","Ada"\n',
        b" Email , NAME\nada@x.dev,Ada\n",
        b"name,email\nAda,ada@x.dev\n",
        b"\n\nemail,name\n\nada@x.dev,Ada\n\n",
    ],
)
def test_given_csv_in_any_dress_when_read_then_it_is_the_same_user(tmp_path: Path, content: bytes) -> None:
    [(_, entry)] = entries(write(tmp_path, "users.csv", content))
    assert entry == ADA


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_given_ndjson_in_any_dress_when_read_then_each_line_is_an_entry(
    tmp_path: Path, bom: bytes, end: bytes
) -> None:
    lines = [json.dumps(ADA).encode(), b"", b"  ", '{"name": "a\u2028b"}'.encode()]
    file = write(tmp_path, "users.jsonl", bom + end.join(lines))
    assert entries(file) == [(1, ADA), (4, {"name": "a\u2028b"})]


def test_given_texts_of_several_lines_when_read_then_each_entry_has_the_line_where_it_begins(
    tmp_path: Path,
) -> None:
    content = b'email,name,profile\na@x.dev,A,"one\r\ntwo, ""three"""\nb@x.dev,B,\n'
    assert entries(write(tmp_path, "users.csv", content)) == [
        (2, {"email": "a@x.dev", "name": "A", "profile": 'one\r\ntwo, "three"'}),
        (4, {"email": "b@x.dev", "name": "B", "profile": ""}),
    ]


def test_given_rows_that_do_not_fit_when_read_then_they_are_named_and_the_others_are_there(
    tmp_path: Path,
) -> None:
    content = b"email,name\na@x.dev,A,rides, sails\nb@x.dev\nc@x.dev,\xe4\nada@x.dev,Ada\n"
    file = write(tmp_path, "users.csv", content)
    assert entries(file) == [(5, ADA)]
    assert refused(file) == [
        (2, "The row has 4 columns, and the header 2. A text with a comma stands in quotes."),
        (3, "The row has 1 columns, and the header 2. A text with a comma stands in quotes."),
        (4, "The row is not UTF-8."),
    ]


def test_given_lines_that_cannot_be_sent_when_read_then_they_are_named_and_the_others_are_there(
    tmp_path: Path,
) -> None:
    long = b'{"name": "' + b"x" * 3 * LONGEST_LINE + b'"}'
    file = write(tmp_path, "users.ndjson", b'{"name": "\xe4"}\n' + long + b"\n" + json.dumps(ADA).encode())
    assert entries(file) == [(3, ADA)]
    assert refused(file) == [(1, "The line is not UTF-8."), (2, "The line is longer than 64 KiB.")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("users.csv", b"email,name,phone\n", "has the column 'phone'.*remove other columns"),
        ("users.csv", b"email,profile\n", "has the columns email,profile"),
        ("users.csv", b"email,name,name\n", "has the columns email,name,name"),
        ("users.csv", b"email;name\n", "separated by semicolons"),
        ("users.csv", b"email\tname\n", "separated by tabs"),
        ("users.csv", "email,name\n".encode("utf-16"), "is not UTF-8"),
        ("users.csv", b"", "is empty"),
        ("users.csv", b'email,name\na@x.dev,A\nb@x.dev,"B\nc@x.dev,C\n', "line 3: the row is not CSV"),
        ("users.csv", b'email,name\na@x.dev,"A" B\n', "line 2: the row is not CSV"),
        ("users.csv", b'email,name\na@x.dev,"' + b"x\n" * 100_000, "line 2: the row is not CSV"),
        ("users.csv", b"email,name\n" + b"x" * 2 * LONGEST_LINE, "line 2 is longer than 64 KiB"),
        ("users.json", b"[]", "neither CSV nor NDJSON.*jq"),
        ("users.xlsx", b"PK", "neither CSV nor NDJSON"),
    ],
)
def test_given_a_file_whose_entries_nobody_can_tell_when_read_then_it_says_what_to_do(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(MeshError, match=said):
        list(read(write(tmp_path, name, content)))
