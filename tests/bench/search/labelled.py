"""The labelled set: invented people, and what is asked about them with everybody who is a right answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

FOLDER = Path(__file__).parent

Half = Literal["tune", "held_out"]
NONSENSE = "nonsense"  # the class of what nobody is an answer to


class Person(NamedTuple):
    """Somebody to be found."""

    id: int
    email: str
    name: str
    profile: str


class Query(NamedTuple):
    """What is asked, and the ids of all who are right, each as right as the others.

    Choose values by the half `tune`, and judge them by `held_out`.
    """

    id: str
    kind: str
    half: Half
    query: str
    right: frozenset[int]


def people() -> list[Person]:
    """Return everybody of the set."""
    return [Person(**row) for row in _rows("people")]


def queries() -> list[Query]:
    """Return all that is asked, class by class."""
    return [Query(**{**row, "right": frozenset(row["right"])}) for row in _rows("queries")]


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with (FOLDER / f"{name}.ndjson").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
