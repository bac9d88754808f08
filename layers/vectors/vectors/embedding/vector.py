"""What becomes of a text: a vector, or nothing that can ever be one."""

from typing import NamedTuple

Vector = list[float]


class Refused(NamedTuple):
    """A text that the provider will never take, and why, without a word of it: it is logged."""

    why: str
