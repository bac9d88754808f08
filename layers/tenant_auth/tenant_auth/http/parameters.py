"""What a parameter may look like, where its type alone would let too much through."""

import re
from typing import Annotated

from fastapi import Header, Path
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")


def _written_as_integer(value: object) -> object:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be an integer, in decimal digits")
    return value


# Of an int, after its limits: as JSON writes it, without the 1_0, 05, +5, 5.0 and blanks that Pydantic takes.
AS_INTEGER = BeforeValidator(_written_as_integer)

# An id in a path. What cannot be one is 422 and not 404, which is about what is stored: a client that sends
# "undefined" is not to take a user for erased.
Id = Annotated[int, Path(ge=1, lt=2**53), AS_INTEGER]

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Sent again with the same body within a day, it creates no second user.",
    ),
]
