"""CloudFormation's functions, as far as they can be known before deployment."""

from typing import Any

import pytest
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.intrinsics import NO_VALUE, Scope, Unresolved, holds, parse, resolve

SCOPE = Scope(
    parameters={"P": "p", "Empty": "", "List": ["a", "b"], "Missing": Unresolved("no value")},
    pseudo={"AWS::Region": "eu-west-1"},
    conditions={
        "Holds": {"Fn::Equals": [{"Ref": "P"}, "p"]},
        "Fails": {"Fn::Not": [{"Condition": "Holds"}]},
        "Unknown": {"Fn::Equals": [{"Ref": "Missing"}, "x"]},
        "Itself": {"Fn::Not": [{"Condition": "Itself"}]},
    },
    mappings={"M": {"eu-west-1": {"size": 7}}},
    resources={"R": {}},
)


def resolved(text: str) -> Any:
    return resolve(parse(f"Resources: {{x: {text}}}")["Resources"]["x"], SCOPE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref P", "p"),
        ("{Ref: P}", "p"),
        ("!Ref AWS::Region", "eu-west-1"),
        ('!Sub "${P}-${!Literal}-${AWS::Region}"', "p-${Literal}-eu-west-1"),
        ('!Sub ["${P}${V}", {V: !Ref P}]', "pp"),
        ("!Join ['-', !Ref List]", "a-b"),
        ("!Split [',', 'x,y']", ["x", "y"]),
        ("!Select [1, !Ref List]", "b"),
        ("!FindInMap [M, !Ref AWS::Region, size]", 7),
        ("!If [Holds, 1, 2]", 1),
        ("!If [Fails, 1, 2]", 2),
        ("[1, !If [Fails, 2, !Ref AWS::NoValue]]", [1]),
        ("{a: !Ref AWS::NoValue, b: 1}", {"b": 1}),
        ("!Equals [1, '1']", True),
        ("!And [!Condition Holds, !Condition Fails]", False),
        ("!Or [!Condition Unknown, !Condition Holds]", True),
    ],
)
def test_given_an_expression_when_resolved_then_it_has_its_value(text: str, value: Any) -> None:
    assert resolved(text) == value


def test_given_no_value_alone_when_resolved_then_it_is_no_value() -> None:
    assert resolved("!Ref AWS::NoValue") is NO_VALUE


@pytest.mark.parametrize(
    "text",
    [
        "!Ref Missing",
        "!Ref Nothing",
        '!Sub "${Missing}"',
        "!Join ['', [a, !Ref Missing]]",
        "!If [Unknown, 1, 2]",
        "!ImportValue x",
        "!GetAtt R.Name",
        "!And [!Condition Unknown, !Condition Holds]",
    ],
)
def test_given_what_is_not_known_here_when_resolved_then_it_is_unresolved_not_an_error(text: str) -> None:
    assert isinstance(resolved(text), Unresolved)


@pytest.mark.parametrize("text", ["!Ref R", "!GetAtt R.Arn", '!Sub "${R}"', '!Sub "${R.Arn}"'])
def test_given_a_reference_to_a_resource_when_resolved_then_the_resource_is_known(text: str) -> None:
    assert resolved(text).resource == "R"


def test_given_a_resource_within_a_text_when_resolved_then_it_does_not_stand_for_the_resource() -> None:
    assert resolved('!Sub "${R.Arn}:live"').resource is None


@pytest.mark.parametrize("text", ["!If [Holds]", "!Select [9, [a]]", "!Join x", "!FindInMap [M, a, b]"])
def test_given_a_function_used_wrongly_when_resolved_then_it_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="Fn::"):
        resolved(text)


def test_given_a_condition_in_terms_of_itself_when_asked_then_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Itself"):
        holds("Itself", SCOPE)
