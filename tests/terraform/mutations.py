"""Changes of template.yaml, one property each: what the comparison with the module has to find."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests import sam

Path = tuple[str | int, ...]
# Where code is and what it is built for: differences on purpose. SAM's own words for events and resources.
_NOT_COMPARED = {"CodeUri", "ContentUri", "Metadata", "Type", "Condition", "RestApiId"}
_DECLARATIONS = ("Default", "AllowedValues", "MinValue", "MaxValue", "AllowedPattern")


class Mutation(NamedTuple):
    """A property, and what it is changed to."""

    path: Path
    value: Any

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))} = {str(self.value)[-60:]!r}"


def every() -> list[Mutation]:
    """Return a change of every property of the template that says what a deployment is."""
    template = sam.template()
    found: list[Mutation] = []
    for name, resource in template["Resources"].items():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if policy in resource:
                other = "Retain" if resource[policy] == "Delete" else "Delete"
                found.append(Mutation(("Resources", name, policy), other))
        found += _of(("Resources", name, "Properties"), resource["Properties"])
    found += _of(("Globals", "Function"), template["Globals"]["Function"])
    for name, output in template["Outputs"].items():
        found += _of(("Outputs", name, "Value"), output["Value"])
    for name, parameter in template["Parameters"].items():
        for each in _DECLARATIONS:
            if each in parameter:
                found += _of(("Parameters", name, each), parameter[each])
    for name, condition in template["Conditions"].items():
        found.append(Mutation(("Conditions", name), {"Fn::Not": [condition]}))
    return found


def some(count: int, seed: int) -> list[Mutation]:
    """Return random changes, the same for the same seed."""
    return random.Random(seed).sample(every(), count)


def applied(mutation: Mutation) -> dict[str, Any]:
    """Return the template with a change."""
    template: dict[str, Any] = unshared(sam.template())
    place: Any = template
    for step in mutation.path[:-1]:
        place = place[step]
    place[mutation.path[-1]] = mutation.value
    return template


def unshared(value: Any) -> Any:
    """Return a copy in which nothing is shared: what a YAML anchor names is one object in many places."""
    match value:
        case dict():
            return {key: unshared(each) for key, each in value.items()}
        case list():
            return [unshared(each) for each in value]
    return value


def _of(path: Path, value: Any) -> Iterator[Mutation]:
    match value:
        case {"Ref": "AWS::NoValue"}:
            return
        case {"Fn::If": [_, then, otherwise]}:
            yield from _of((*path, "Fn::If", 1), then)
            yield from _of((*path, "Fn::If", 2), otherwise)
        case {"Fn::Sub": str(text)}:
            yield Mutation((*path, "Fn::Sub"), f"{text}-mutated")
        case dict() if len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::")):
            yield Mutation(path, "mutated")
        case dict():
            for key, each in value.items():
                if key not in _NOT_COMPARED:
                    yield from _of((*path, key), each)
        case list():
            for number, each in enumerate(value):
                yield from _of((*path, number), each)
        case bool():
            yield Mutation(path, not value)
        case int() | float():
            yield Mutation(path, value + 1)
        case str():
            yield Mutation(path, _other(value))


def _other(text: str) -> str:
    return {"true": "false", "false": "true"}.get(text, f"{text}-mutated")
