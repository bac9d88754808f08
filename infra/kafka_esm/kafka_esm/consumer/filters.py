"""Lambda's event filtering (FilterCriteria), as it applies to Kafka.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/kafka-filtering.html (what is filtered, and what happens
when formats differ), https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html (the
operators), and for what they leave to EventBridge: https://docs.aws.amazon.com/eventbridge/latest/userguide/
eb-create-pattern-operators.html and AWS's own matcher, https://github.com/aws/event-ruler.
"""

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from kafka_esm.errors import ConfigurationError

MAX_PATTERNS = 5
MAX_PATTERN_CHARACTERS = 4096

# EventBridge compares numbers in this range only.
_NUMERIC_LIMIT = Decimal("5.0e9")
_COMPARISONS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_Test = Callable[[Any], bool]


class _Number(NamedTuple):
    """A number as it is written: Lambda holds 300, 300.0 and 3.0e2 for different."""

    text: str


class _Missing:
    """A field that is not there, unlike one that is null."""


class _Undecodable:
    """A message that is not UTF-8."""


_MISSING = _Missing()
_UNDECODABLE = _Undecodable()


def compile_patterns(patterns: Sequence[str]) -> Callable[[bytes | None], bool]:
    """Return what tells of a record's value whether the record is delivered.

    It is if any pattern matches, or if there is none. A message whose format is not the pattern's (JSON or
    plain string), or which is not UTF-8, is delivered, too: AWS then leaves the filter on the value out. A
    message is JSON if it is an object or an array; `5` or `"x"` cannot be told from a plain string. A
    tombstone has no value: only `exists: false` matches it.

    Raises:
        ConfigurationError: there are too many patterns, or one holds anything that Lambda does not document.

    """
    if len(patterns) > MAX_PATTERNS:
        raise ConfigurationError(f"FilterCriteria: {len(patterns)} patterns; Lambda allows {MAX_PATTERNS}")
    tests = [_compile(pattern) for pattern in patterns]

    def delivered(value: bytes | None) -> bool:
        if not tests:
            return True
        message = _message(value)
        return any(test({"value": message}) for test in tests)

    return delivered


def _compile(pattern: str) -> _Test:
    try:
        if len(pattern) > MAX_PATTERN_CHARACTERS:
            raise ValueError(f"it is longer than {MAX_PATTERN_CHARACTERS} characters")  # noqa: TRY301
        return _fields(_parse(pattern, object_pairs_hook=_distinct), _top_field)
    except (ValueError, RecursionError) as exc:
        raise ConfigurationError(f"FilterCriteria: the pattern {pattern[:200]}: {exc}") from None


def _message(value: bytes | None) -> Any:
    if value is None:
        return _MISSING
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return _UNDECODABLE
    try:
        parsed = _parse(text)
    except (ValueError, RecursionError):
        return text
    return parsed if isinstance(parsed, dict | list) else text


def _parse(text: str, **options: Any) -> Any:
    return json.loads(
        text, parse_int=_Number, parse_float=_Number, parse_constant=_not_a_json_constant, **options
    )


def _not_a_json_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is there twice; put its rules into one list")
    return found


def _fields(pattern: Any, field: Callable[[str, Any], _Test]) -> _Test:
    """Return a test of an object: all fields of the pattern match, and one branch of each `$or`."""
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError("it takes an object with fields, and for each field another or a list of rules")
    tests = [_or(rule, field) if name == "$or" else field(name, rule) for name, rule in pattern.items()]
    return lambda found: all(test(found) for test in tests)


def _or(branches: Any, field: Callable[[str, Any], _Test]) -> _Test:
    # With fewer, or with operators for names, EventBridge takes "$or" for the name of a field.
    if (
        not isinstance(branches, list)
        or len(branches) < 2
        or any(isinstance(branch, dict) and branch.keys() & _OPERATORS.keys() for branch in branches)
    ):
        raise ValueError("$or is a list of at least two patterns")
    tests = [_fields(branch, field) for branch in branches]
    return lambda found: any(test(found) for test in tests)


def _top_field(name: str, rule: Any) -> _Test:
    if name != "value":
        raise ValueError(f"Lambda filters Kafka records on value only, not on {name}")
    test = _node(rule)
    if isinstance(rule, dict):
        return lambda record: isinstance(record["value"], str | _Undecodable) or test(record["value"])
    if any(item is None or isinstance(item, bool) or _has_number(item) for item in rule):
        raise ValueError("value is compared as a plain string here; a rule can only hold strings")
    return lambda record: isinstance(record["value"], dict | list | _Undecodable) or test(record["value"])


def _has_number(rule: Any) -> bool:
    if isinstance(rule, dict):
        return any(_has_number(item) for item in rule.values())
    return isinstance(rule, _Number) or (isinstance(rule, list) and any(_has_number(item) for item in rule))


def _field(name: str, rule: Any) -> _Test:
    test = _node(rule)
    return lambda found: test(found.get(name, _MISSING))


def _node(rule: Any) -> _Test:
    """Return a test of a field's value."""
    if isinstance(rule, list):
        return _leaf(rule)
    matches = _fields(rule, _field)

    def test(value: Any) -> bool:
        # One element of an array has to match the whole pattern; a missing object is one without fields.
        objects = [item for item in _elements(value) if isinstance(item, dict)]
        return any(matches(item) for item in objects or [{}])

    return test


def _leaf(rules: list[Any]) -> _Test:
    if not rules:
        raise ValueError("a list of rules is empty")
    tests = [_rule(rule) for rule in rules]
    may_be_missing = {"exists": False} in rules

    def test(value: Any) -> bool:
        leaves = [item for item in _elements(value) if not isinstance(item, dict)]
        return any(test(leaf) for leaf in leaves for test in tests) or (may_be_missing and not leaves)

    return test


def _elements(value: Any) -> Iterator[Any]:
    # Not recursive: how deep arrays are nested is up to whoever wrote the record.
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left.extend(reversed(item))
        elif item is not _MISSING:
            yield item


def _rule(rule: Any) -> _Test:
    if rule is None or isinstance(rule, str | bool | _Number):
        return lambda leaf: bool(leaf == rule)
    if not isinstance(rule, dict) or len(rule) != 1:
        raise ValueError("a rule is a string, a number, true, false, null, or an object with one operator")
    [(name, operand)] = rule.items()
    if name not in _OPERATORS:
        raise ValueError(f"Lambda does not document the operator {name}; it has {', '.join(_OPERATORS)}")
    return _OPERATORS[name](operand)


def _prefix(operand: Any) -> _Test:
    text = _string("prefix", operand)
    return lambda leaf: isinstance(leaf, str) and leaf.startswith(text)


def _suffix(operand: Any) -> _Test:
    text = _string("suffix", operand)
    return lambda leaf: isinstance(leaf, str) and leaf.endswith(text)


def _equals_ignore_case(operand: Any) -> _Test:
    text = _string("equals-ignore-case", operand).lower()
    return lambda leaf: isinstance(leaf, str) and leaf.lower() == text


def _string(name: str, operand: Any) -> str:
    if not isinstance(operand, str):
        raise ValueError(f"{name} takes a string")  # noqa: TRY004
    return operand


def _exists(operand: Any) -> _Test:
    if not isinstance(operand, bool):
        raise ValueError("exists takes true or false")  # noqa: TRY004
    # That there is a leaf is all it asks for.
    return lambda _: operand


def _anything_but(operand: Any) -> _Test:
    if isinstance(operand, dict) and operand.keys() <= {"prefix", "suffix"}:
        excluded = _rule(operand)
        # Like EventBridge, it excludes strings; anything else is "anything but" them.
        return lambda leaf: not excluded(leaf)
    values = operand if isinstance(operand, list) else [operand]
    if not values or not any(all(isinstance(item, kind) for item in values) for kind in (str, _Number)):
        raise ValueError(
            "anything-but takes a string, a number, a list of strings or of numbers, a prefix or a suffix"
        )
    return lambda leaf: leaf not in values


def _numeric(operand: Any) -> _Test:
    terms = operand if isinstance(operand, list) else []
    pairs = list(zip(terms[::2], terms[1::2], strict=False))
    signs = [sign for sign, _ in pairs]
    if (
        len(terms) not in (2, 4)
        or not all(isinstance(sign, str) and sign in _COMPARISONS for sign in signs)
        or (len(pairs) == 2 and not (signs[0] in (">", ">=") and signs[1] in ("<", "<=")))
    ):
        raise ValueError('numeric takes ["=", 1], another of <, <=, >, >=, or a range like [">", 1, "<=", 2]')
    bounds = [_decimal(number) for _, number in pairs]
    if None in bounds:
        raise ValueError("numeric takes numbers from -5.0e9 to 5.0e9")
    limits = [bound for bound in bounds if bound is not None]
    if limits != sorted(set(limits)):
        raise ValueError("the lower bound of a numeric range is below the upper")

    def test(leaf: Any) -> bool:
        number = _decimal(leaf)
        return number is not None and all(
            _COMPARISONS[sign](number, limit) for sign, limit in zip(signs, limits, strict=True)
        )

    return test


def _decimal(value: Any) -> Decimal | None:
    if not isinstance(value, _Number):
        return None
    try:
        number = Decimal(value.text)
    except InvalidOperation:  # an exponent beyond any measure
        return None
    return number if -_NUMERIC_LIMIT <= number <= _NUMERIC_LIMIT else None


_OPERATORS: Mapping[str, Callable[[Any], _Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
}
