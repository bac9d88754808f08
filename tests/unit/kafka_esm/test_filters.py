"""Which records Lambda's FilterCriteria let through."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka_esm.consumer import filters
from kafka_esm.consumer.filters import compile_patterns
from kafka_esm.errors import ConfigurationError


def delivered(pattern: Any, value: Any) -> bool:
    """Whether a pattern on `value` delivers a JSON value."""
    return compile_patterns([json.dumps({"value": pattern})])(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("rules", "matching", "other"),
    [
        # The operators of Lambda's table, in its order.
        ([None], None, "x"),
        ([""], "", "x"),
        (["Alice"], "Alice", "alice"),
        ([{"equals-ignore-case": "alice"}], "ALICE", "bob"),
        (["Credit", "Debit"], "Debit", "Cash"),
        ([{"anything-but": ["Raining"]}], "Sunny", "Raining"),
        ([{"numeric": ["=", 100]}], 100.0, 99),
        ([{"numeric": [">", 10, "<=", 20]}], 20, 10),
        ([{"prefix": "us-"}], "us-east-1", "eu-us-1"),
        ([{"suffix": ".png"}], "a.png", "a.png.txt"),
        # What it leaves to EventBridge.
        ([True], True, False),
        ([True], True, "true"),
        ([300], 300, 300.0),
        ([{"anything-but": "x"}], "y", "x"),
        ([{"anything-but": 5}], 6, 5),
        ([{"anything-but": [5, 6]}], 7, 6),
        ([{"anything-but": {"prefix": "a"}}], "ba", "ab"),
        ([{"anything-but": {"suffix": "a"}}], "ab", "ba"),
        ([{"numeric": ["<", 0]}], -0.5, 0),
        ([{"numeric": ["<=", 0]}], 0, 0.1),
        ([{"numeric": [">=", 1.5]}], 1.5, 1.4),
        ([{"numeric": [">", 1]}], 2, "2"),
        ([{"numeric": ["<", 5e9]}], 1, -6e9),
        ([{"prefix": "a"}], "ab", 1),
        # An array matches if one of its elements does.
        (["x"], ["y", "x"], ["y"]),
        ([{"anything-but": "x"}], ["x", "y"], ["x"]),
        (["x"], [["y"], [["x"]]], [["y"]]),
    ],
)
def test_given_a_rule_when_a_field_is_tested_then_the_operator_decides(
    rules: list[Any], matching: Any, other: Any
) -> None:
    assert delivered({"a": {"b": rules}}, {"a": {"b": matching}, "z": 1})
    assert not delivered({"a": {"b": rules}}, {"a": {"b": other}, "z": 1})
    if matching is not None:
        assert not delivered({"a": {"b": rules}}, {"a": {}})


@pytest.mark.parametrize(
    ("exists", "address", "expected"),
    [
        (True, "Main St", True),
        (True, None, True),
        (True, {"street": "Main St"}, False),
        (True, [], False),
        (False, "Main St", False),
        (False, {"street": "Main St"}, True),
        (False, [], True),
    ],
)
def test_given_exists_when_a_field_is_tested_then_only_leaves_count(
    exists: bool, address: Any, expected: bool
) -> None:
    pattern = {"person": {"address": [{"exists": exists}]}}
    assert delivered(pattern, {"person": {"address": address}}) is expected
    assert delivered(pattern, {}) is not exists


def test_given_two_fields_when_an_array_holds_them_then_one_element_has_to_have_both() -> None:
    employees = {"employees": [{"first": "Anna", "last": "Smith"}, {"first": "Peter", "last": "Jones"}]}
    assert delivered({"employees": {"first": ["Anna"]}}, employees)
    assert delivered({"employees": {"first": ["Anna"], "last": ["Smith"]}}, employees)
    assert not delivered({"employees": {"first": ["Anna"], "last": ["Jones"]}}, employees)


def test_given_or_when_tested_then_one_branch_is_enough_but_the_other_fields_have_to_match() -> None:
    pattern = {"kind": ["a"], "$or": [{"place": ["x"]}, {"day": ["Mon"], "hour": [1]}]}
    assert delivered(pattern, {"kind": "a", "place": "x"})
    assert delivered(pattern, {"kind": "a", "place": "y", "day": "Mon", "hour": 1})
    assert not delivered(pattern, {"kind": "a", "day": "Mon"})
    assert not delivered(pattern, {"kind": "b", "place": "x"})


def test_given_or_around_values_when_tested_then_one_branch_is_enough() -> None:
    test = compile_patterns(['{"$or": [{"value": {"a": [1]}}, {"value": {"b": [2]}}]}'])
    assert test(b'{"b": 2}')
    assert not test(b'{"b": 1}')


@pytest.mark.parametrize(
    ("message", "expected"),
    [(b"error", False), (b"fine", True), (b'"error"', True), (b"5", True), (b"", True), (b"null", True)],
)
def test_given_a_plain_string_pattern_when_the_message_is_one_then_it_is_compared(
    message: bytes, expected: bool
) -> None:
    assert compile_patterns(['{"value": [{"anything-but": ["error"]}]}'])(message) is expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ('{"value": {"a": [1]}}', b"plain"),
        ('{"value": {"a": [1]}}', b"5"),
        ('{"value": {"a": [1]}}', b'{"a": 1'),
        ('{"value": {"a": [1]}}', b'{"a": NaN}'),
        ('{"value": {"a": [1]}}', b'{"a": 1}\xff'),
        ('{"value": {"a": [1]}}', b"[" * 200_000),
        ('{"value": ["x"]}', b'{"a": "x"}'),
        ('{"value": ["x"]}', b'["y"]'),
        ('{"value": ["x"]}', b"x\xff"),
    ],
)
def test_given_another_format_than_the_patterns_when_tested_then_the_value_is_not_filtered(
    pattern: str, message: bytes
) -> None:
    assert compile_patterns([pattern])(message)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{"value": ["x"]}', False),
        ('{"value": [{"exists": true}]}', False),
        ('{"value": [{"exists": false}]}', True),
        ('{"value": {"a": [1]}}', False),
        ('{"value": {"a": [{"exists": false}]}}', True),
    ],
)
def test_given_a_tombstone_when_tested_then_there_is_no_value(pattern: str, expected: bool) -> None:
    assert compile_patterns([pattern])(None) is expected


def test_given_several_patterns_when_tested_then_any_match_is_enough() -> None:
    test = compile_patterns(['{"value": {"a": [1]}}', '{"value": {"a": [2]}}'])
    assert test(b'{"a": 2}')
    assert not test(b'{"a": 3}')


def test_given_no_pattern_when_tested_then_everything_is_delivered() -> None:
    assert compile_patterns([])(None)
    assert compile_patterns([])(b"\xff")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "an object with fields"),
        ("{}", "an object with fields"),
        ('{"value": {}}', "an object with fields"),
        ('{"value": "x"}', "a list of rules"),
        ('{"value": {"a": 1}}', "a list of rules"),
        ('{"value": []}', "empty"),
        ('{"value": {"a": []}}', "empty"),
        ('{"key": ["x"]}', "on value only, not on key"),
        ('{"value": ["x"], "headers": ["x"]}', "on value only, not on headers"),
        ('{"topic": ["x"]}', "on value only, not on topic"),
        ('{"value": [5]}', "can only hold strings"),
        ('{"value": [null]}', "can only hold strings"),
        ('{"value": [true]}', "can only hold strings"),
        ('{"value": [{"numeric": ["=", 5]}]}', "can only hold strings"),
        ('{"value": [{"anything-but": [5]}]}', "can only hold strings"),
        ('{"value": {"a": [1], "a": [2]}}', "there twice"),
        ('{"value": {"a": [NaN]}}', "not JSON"),
        ('{"value": {"a": [["x"]]}}', "a rule is"),
        ('{"value": {"a": [{}]}}', "a rule is"),
        ('{"value": {"a": [{"prefix": "x", "suffix": "y"}]}}', "a rule is"),
        ('{"value": {"a": [{"wildcard": "x*"}]}}', "does not document the operator wildcard"),
        ('{"value": {"a": [{"cidr": "10.0.0.0/8"}]}}', "does not document the operator cidr"),
        ('{"value": {"a": [{"prefix": {"equals-ignore-case": "x"}}]}}', "prefix takes a string"),
        ('{"value": {"a": [{"suffix": 1}]}}', "suffix takes a string"),
        ('{"value": {"a": [{"equals-ignore-case": ["x"]}]}}', "equals-ignore-case takes a string"),
        ('{"value": {"a": [{"exists": "true"}]}}', "true or false"),
        ('{"value": {"a": [{"anything-but": []}]}}', "anything-but takes"),
        ('{"value": {"a": [{"anything-but": ["x", 1]}]}}', "anything-but takes"),
        ('{"value": {"a": [{"anything-but": null}]}}', "anything-but takes"),
        ('{"value": {"a": [{"anything-but": {"wildcard": "x"}}]}}', "anything-but takes"),
        ('{"value": {"a": [{"anything-but": {}}]}}', "a rule is"),
        ('{"value": {"a": [{"numeric": []}]}}', "numeric takes"),
        ('{"value": {"a": [{"numeric": "=1"}]}}', "numeric takes"),
        ('{"value": {"a": [{"numeric": ["=", 1, "="]}]}}', "numeric takes"),
        ('{"value": {"a": [{"numeric": ["!=", 1]}]}}', "numeric takes"),
        ('{"value": {"a": [{"numeric": ["<", 1, ">", 0]}]}}', "numeric takes"),
        ('{"value": {"a": [{"numeric": ["=", "1"]}]}}', "numbers from"),
        ('{"value": {"a": [{"numeric": ["<", 5.1e9]}]}}', "numbers from"),
        ('{"value": {"a": [{"numeric": ["<", 1e9999999999999999999]}]}}', "numbers from"),
        ('{"value": {"a": [{"numeric": [">", 2, "<", 1]}]}}', "below the upper"),
        ('{"value": {"a": [{"numeric": [">=", 1, "<=", 1.0]}]}}', "below the upper"),
        ('{"value": {"$or": {"a": [1]}}}', "at least two"),
        ('{"value": {"$or": [{"a": [1]}]}}', "at least two"),
        ('{"value": {"$or": [{"prefix": ["a"]}, {"b": [1]}]}}', "at least two"),
        ('{"value": {"a": [' + "1," * 3000 + "1]}}", "longer than 4096"),
    ],
)
def test_given_what_lambda_does_not_document_when_compiled_then_it_is_refused(
    pattern: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"FilterCriteria: the pattern") as caught:
        compile_patterns([pattern])
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "pattern", ['{"value": ' + "[" * 2000 + "]" * 2000 + "}", '{"a":' * 800 + "[1]" + "}" * 800]
)
def test_given_endless_nesting_when_compiled_then_it_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match=r"FilterCriteria: the pattern"):
        compile_patterns([pattern.replace("a", "value", 1)])


def test_given_six_patterns_when_compiled_then_they_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="6 patterns; Lambda allows 5"):
        compile_patterns(['{"value": ["x"]}'] * 6)


# The oracle works the other way round: it takes every array for one of its elements, in all combinations,
# writes the message down as paths and leaves, and looks the pattern's paths up. The messages it gets have
# arrays of one kind, since AWS says nothing of others.

SCALARS = (
    st.one_of(
        st.sampled_from(["", "a", "A", "ab", "b"]),
        st.integers(-1, 2),
        st.sampled_from([0.5, 1.0]),
        st.booleans(),
    )
    | st.none()
)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from("xyzpq"), values, max_size=4)


MESSAGES = objects(
    st.recursive(
        SCALARS | st.lists(SCALARS, max_size=3),
        lambda inner: objects(inner) | st.lists(objects(inner), max_size=2),
        max_leaves=6,
    )
)

STRINGS = st.sampled_from(["a", "A", "b", ""])
RULES = st.one_of(
    SCALARS,
    STRINGS.map(lambda text: {"prefix": text}),
    STRINGS.map(lambda text: {"suffix": text}),
    STRINGS.map(lambda text: {"equals-ignore-case": text}),
    st.lists(STRINGS, min_size=1, max_size=2).map(lambda texts: {"anything-but": texts}),
    STRINGS.map(lambda text: {"anything-but": {"prefix": text}}),
    st.booleans().map(lambda wanted: {"exists": wanted}),
    st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), st.integers(-1, 2)).map(
        lambda term: {"numeric": list(term)}
    ),
    st.tuples(st.integers(-2, 0), st.integers(1, 2)).map(
        lambda ends: {"numeric": [">", ends[0], "<=", ends[1]]}
    ),
)
LEAVES = st.lists(RULES, min_size=1, max_size=3)


def branching(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    # The branches' names are not the fields': AWS says nothing of one array that both look into.
    fields = st.dictionaries(st.sampled_from("xyz"), inner, max_size=2)
    branch = st.dictionaries(st.sampled_from("pq"), inner, min_size=1, max_size=2)
    choice = st.one_of(st.just({}), st.lists(branch, min_size=2, max_size=2).map(lambda both: {"$or": both}))
    return st.tuples(fields, choice).map(lambda parts: parts[0] | parts[1]).filter(bool)


PATTERNS = branching(st.recursive(LEAVES, branching, max_leaves=4))


def without_arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        if not value:
            yield {}
        for item in value:
            yield from without_arrays(item)
    elif isinstance(value, dict):
        for chosen in itertools.product(*(list(without_arrays(item)) for item in value.values())):
            yield dict(zip(value, chosen, strict=True))
    else:
        yield value


def paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths(item, (*path, name))
    else:
        yield path, value


def rule_holds(rule: Any, there: bool, leaf: Any) -> bool:
    if rule == {"exists": False} and isinstance(rule, dict):
        return not there
    if not there:
        return False
    if not isinstance(rule, dict):
        return json.dumps(rule) == json.dumps(leaf)
    [(name, operand)] = rule.items()
    number = isinstance(leaf, int | float) and not isinstance(leaf, bool)
    if name == "numeric":
        symbols = " and ".join(
            f"leaf {'==' if sign == '=' else sign} {end}"
            for sign, end in zip(operand[::2], operand[1::2], strict=True)
        )
        return number and bool(eval(symbols, {"leaf": leaf}))
    if name == "anything-but" and isinstance(operand, dict):
        return not (isinstance(leaf, str) and leaf[: len(operand["prefix"])] == operand["prefix"])
    if name == "anything-but":
        return json.dumps(leaf) not in [json.dumps(item) for item in operand]
    if name == "exists":
        return True
    if not isinstance(leaf, str):
        return False
    if name == "equals-ignore-case":
        return leaf.upper() == str(operand).upper()
    start = 0 if name == "prefix" else len(leaf) - len(operand)
    return start >= 0 and leaf[start : start + len(operand)] == str(operand)


def holds(pattern: Mapping[str, Any], leaves: Mapping[tuple[str, ...], Any], path: tuple[str, ...]) -> bool:
    for name, rule in pattern.items():
        if name == "$or":
            found = any(holds(branch, leaves, path) for branch in rule)
        elif isinstance(rule, dict):
            found = holds(rule, leaves, (*path, name))
        else:
            here = (*path, name)
            found = any(rule_holds(item, here in leaves, leaves.get(here)) for item in rule)
        if not found:
            return False
    return True


def oracle(pattern: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    return any(holds(pattern, dict(paths(choice)), ()) for choice in without_arrays(message))


@given(PATTERNS, MESSAGES)
def test_given_any_pattern_and_message_when_tested_then_the_oracle_agrees(
    pattern: dict[str, Any], message: dict[str, Any]
) -> None:
    assert delivered(pattern, message) is oracle(pattern, message)


@given(st.lists(PATTERNS, min_size=1, max_size=5), MESSAGES)
def test_given_any_patterns_when_tested_then_one_match_delivers(
    patterns: list[dict[str, Any]], message: dict[str, Any]
) -> None:
    together = compile_patterns([json.dumps({"value": pattern}) for pattern in patterns])
    assert together(json.dumps(message).encode()) is any(oracle(pattern, message) for pattern in patterns)


@given(
    st.binary(max_size=30) | st.text(max_size=30).map(str.encode) | MESSAGES.map(json.dumps).map(str.encode)
)
def test_given_any_message_when_tested_then_it_is_a_verdict_and_no_error(message: bytes) -> None:
    assert compile_patterns(['{"value": {"x": [{"numeric": ["=", 1]}]}}'])(message) in (True, False)
    assert compile_patterns(['{"value": [{"prefix": "a"}]}'])(message) in (True, False)


def test_given_no_pattern_when_tested_then_the_message_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_message", None)
    assert compile_patterns([])(b"{}")
