"""Labelled sets: invented people, and what is asked about them with everybody who is a right answer.

Values are chosen by the half `tune` of the set `known`, and by nothing of `unseen`: it says how well people
are found whom nobody had in mind.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

_FOLDER = Path(__file__).parent

Which = Literal["known", "unseen"]
SETS: tuple[Which, ...] = get_args(Which)
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


def people(which: Which = "known") -> list[Person]:
    """Return everybody of a set."""
    return [Person(**row) for row in _rows(which, "people")]


def queries(which: Which = "known") -> list[Query]:
    """Return all that is asked of a set, class by class."""
    return [Query(**{**row, "right": frozenset(row["right"])}) for row in _rows(which, "queries")]


def floors(which: Which) -> dict[str, dict[str, dict[str, float]]]:
    """Return what a set has to reach, by model, mode and class."""
    committed: dict[str, dict[str, dict[str, float]]]
    committed = json.loads((_FOLDER / which / "floors.json").read_text())
    return committed


def _rows(which: Which, name: str) -> Iterator[dict[str, Any]]:
    with (_FOLDER / which / f"{name}.ndjson").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
