"""What a step is: a function from a batch of people to what it adds to the point of each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vectors.embedding.vector import Vector


class Person(NamedTuple):
    """A user as a step is given it: who it is, and what the steps before it have added."""

    tenant_id: str
    user_id: int
    email: str
    name: str
    profile: str
    vectors: Sequence[Vector] = ()
    added: Mapping[str, Any] = {}


class Addition(NamedTuple):
    """What a step adds to a point: fields of its payload, JSON values by name, and vectors."""

    fields: Mapping[str, Any] = {}
    vectors: Sequence[Vector] = ()


class Failed(NamedTuple):
    """A user whom a step can never take, and why, without a word of the user: it is logged."""

    why: str


MillisLeft = Callable[[], int]  # how long the invocation may still take

# One outcome for each person, in their order. What fails for all of them, and may pass, is raised.
Step = Callable[[Sequence[Person], MillisLeft], Sequence[Addition | Failed]]
