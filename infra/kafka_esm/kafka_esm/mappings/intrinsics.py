"""CloudFormation's intrinsic functions, as far as they can be known before deployment.

What only a deployment knows (an ARN, another stack's export, a parameter without a value) becomes
`Unresolved` and is an error only where a value is really needed, so that the rest of a template may
use whatever AWS offers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from kafka_esm.errors import ConfigurationError

_DEEPEST = 100  # a template of ours goes down to 13; libyaml ends the whole process at some 10,000
_SUB = re.compile(r"\$\{(!?)([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value that is not known here, why, and the resource it belongs to, if it is one's."""

    reason: str
    resource: str | None = None


class _NoValue:
    """The value of AWS::NoValue: whatever holds it is as if it had not been written."""


NO_VALUE = _NoValue()


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions may refer to."""

    parameters: Mapping[str, Any]
    pseudo: Mapping[str, str]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
    # What other stacks export.
    imports: Mapping[str, str] = field(default_factory=dict)
    # Logical id and attribute ("": Ref) of a resource -> its value, if it can be known.
    look_up: Callable[[str, str], Any] | None = None


_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast


class _Loader(_SafeLoader):  # type: ignore[valid-type, misc]
    """YAML with CloudFormation's short tags: `!Sub x` is read as `{"Fn::Sub": "x"}`."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)


def parse(text: str) -> dict[str, Any]:
    """Read a template's YAML (or JSON).

    Raises:
        ConfigurationError: it is neither, or not a template.

    """
    try:
        _check_depth(text)
        template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except ValueError as exc:  # a scalar that looks like a date and is none, say
        raise ConfigurationError(f"the template is not valid YAML: {exc}") from None
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        problem = getattr(exc, "problem", None) or "it cannot be parsed"
        raise ConfigurationError(f"the template is not valid YAML{line}: {problem}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise ConfigurationError("the template has no Resources")
    return template


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise ConfigurationError(f"the template is nested more than {_DEEPEST} levels deep")


def resolve(value: Any, scope: Scope) -> Any:
    """Resolve every intrinsic function within a value.

    Entries that are AWS::NoValue disappear from lists and objects; the value itself may be NO_VALUE.

    Raises:
        ConfigurationError: a function is used wrongly or is not known.

    """
    if isinstance(value, list):
        items = [resolve(item, scope) for item in value]
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref":
            return _ref(argument, scope)
        if isinstance(name, str) and name.startswith("Fn::"):
            return _call(name, argument, scope)
    entries = {key: resolve(item, scope) for key, item in value.items()}
    return {key: item for key, item in entries.items() if item is not NO_VALUE}


def holds(condition: Any, scope: Scope) -> bool | Unresolved:
    """Whether a named condition of the template holds.

    Raises:
        ConfigurationError: the template does not declare the condition, or it refers to itself.

    """
    if not isinstance(condition, str):
        raise ConfigurationError(f"a condition is referred to by its name, not by {condition!r}")
    if condition not in scope.conditions:
        raise ConfigurationError(f"the template has no condition {condition}")
    # Without itself in scope, a condition in terms of itself is an unknown one, not endless.
    rest = {name: rule for name, rule in scope.conditions.items() if name != condition}
    return _truth(scope.conditions[condition], replace(scope, conditions=rest))


def _truth(rule: Any, scope: Scope) -> bool | Unresolved:
    if isinstance(rule, dict) and len(rule) == 1 and "Condition" in rule:
        return holds(rule["Condition"], scope)
    value = resolve(rule, scope)
    if isinstance(value, bool | Unresolved):
        return value
    raise ConfigurationError(f"a condition is neither true nor false: {rule}")


def _ref(name: Any, scope: Scope) -> Any:
    if not isinstance(name, str):
        raise ConfigurationError(f"Ref takes a name, not {name!r}")
    if name == "AWS::NoValue":
        return NO_VALUE
    if name in scope.pseudo:
        return scope.pseudo[name]
    if name in scope.parameters:
        return scope.parameters[name]
    # SAM: !Ref Fn.Alias
    logical_id, _, attribute = name.partition(".")
    if scope.look_up and (value := scope.look_up(logical_id, attribute)) is not None:
        return value
    if name in scope.resources:
        return Unresolved(f"{name} is a resource, known only after deployment", resource=name)
    if name == "AWS::StackName":
        return Unresolved("AWS::StackName is not known: pass --stack-name")
    return Unresolved(f"{name} is neither a parameter nor a resource of the template")


def _call(name: str, argument: Any, scope: Scope) -> Any:
    function = _FUNCTIONS.get(name)
    if function is None:
        return Unresolved(f"{name} cannot be resolved without deploying the template")
    try:
        return function(argument, scope)
    except (TypeError, ValueError, KeyError, IndexError):
        raise ConfigurationError(f"{name} is used wrongly in the template: {argument}") from None


def _if(argument: Any, scope: Scope) -> Any:
    condition, then, otherwise = argument
    truth = holds(condition, scope)
    if isinstance(truth, Unresolved):
        return truth
    return resolve(then if truth else otherwise, scope)


def _equals(argument: Any, scope: Scope) -> Any:
    left, right = (resolve(side, scope) for side in argument)
    for side in (left, right):
        if isinstance(side, Unresolved):
            return side
    return _text(left) == _text(right)


def _and(argument: Any, scope: Scope) -> Any:
    return _every([_truth(rule, scope) for rule in argument], neutral=True)


def _or(argument: Any, scope: Scope) -> Any:
    return _every([_truth(rule, scope) for rule in argument], neutral=False)


def _every(truths: list[bool | Unresolved], *, neutral: bool) -> bool | Unresolved:
    # One deciding value settles it, whatever the unknown ones would have been.
    if (not neutral) in truths:
        return not neutral
    return next((truth for truth in truths if isinstance(truth, Unresolved)), neutral)


def _not(argument: Any, scope: Scope) -> Any:
    (rule,) = argument
    truth = _truth(rule, scope)
    return truth if isinstance(truth, Unresolved) else not truth


def _sub(argument: Any, scope: Scope) -> Any:
    text, variables = argument if isinstance(argument, list) else (argument, {})
    local = {name: resolve(value, scope) for name, value in variables.items()}
    unknown: list[Unresolved] = []

    def replace(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return f"${{{name}}}"
        value = local[name] if name in local else _attribute_or_ref(name, scope)
        if isinstance(value, Unresolved):
            # Only `${Resource}` alone still stands for the resource; within a text it does not.
            unknown.append(value if match.group(0) == text else _part(value))
            return ""
        return _text(value)

    result = _SUB.sub(replace, text)
    return unknown[0] if unknown else result


def _attribute_or_ref(name: str, scope: Scope) -> Any:
    if "." in name:
        return _getatt(name.split(".", 1), scope)
    return _ref(name, scope)


def _getatt(argument: Any, scope: Scope) -> Any:
    resource, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
    if scope.look_up and (value := scope.look_up(resource, attribute)) is not None:
        return value
    return Unresolved(
        f"{resource}.{attribute} is known only after deployment",
        # An ARN stands for its resource; any other attribute is something else.
        resource=resource if attribute == "Arn" else None,
    )


def _join(argument: Any, scope: Scope) -> Any:
    separator, items = argument[0], resolve(argument[1], scope)
    unknown = _first_unresolved(items)
    if unknown:
        return _part(unknown)
    return separator.join(_text(item) for item in items)


def _split(argument: Any, scope: Scope) -> Any:
    separator, text = argument[0], resolve(argument[1], scope)
    return _part(text) if isinstance(text, Unresolved) else _text(text).split(separator)


def _select(argument: Any, scope: Scope) -> Any:
    index, items = resolve(argument[0], scope), resolve(argument[1], scope)
    if isinstance(index, Unresolved) or isinstance(items, Unresolved):
        return _part(index if isinstance(index, Unresolved) else items)
    return items[int(index)]


def _find_in_map(argument: Any, scope: Scope) -> Any:
    keys = resolve(argument, scope)
    unknown = _first_unresolved(keys)
    if unknown:
        return unknown
    name, top, second = (_text(key) for key in keys)
    return scope.mappings[name][top][second]


def _import_value(argument: Any, scope: Scope) -> Any:
    name = resolve(argument, scope)
    if isinstance(name, Unresolved):
        return _part(name)
    known = scope.imports.get(_text(name))
    return known or Unresolved(f"Fn::ImportValue cannot be resolved here: pass --import {_text(name)}=…")


def _part(value: Unresolved) -> Unresolved:
    """Return why a text is not known that a resource is part of: it does not stand for the resource."""
    return Unresolved(value.reason)


def _first_unresolved(items: Any) -> Unresolved | None:
    if isinstance(items, Unresolved):
        return items
    return next((item for item in items if isinstance(item, Unresolved)), None)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    if isinstance(value, dict):
        raise TypeError("an object where a text is wanted")
    return str(value)


_FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Fn::And": _and,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAtt": _getatt,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Not": _not,
    "Fn::Or": _or,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
