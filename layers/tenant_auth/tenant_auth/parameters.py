"""What a query's parameter may look like, where its type alone would let too much through."""

import re

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")


def _written_as_integer(value: object) -> object:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be an integer, in decimal digits")
    return value


# Of an int, after its limits: as JSON writes it, without the 1_0, 05, +5, 5.0 and blanks that Pydantic takes.
AS_INTEGER = BeforeValidator(_written_as_integer)
