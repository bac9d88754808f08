"""A body of many entries: a JSON array, or NDJSON, which is one JSON value on each line."""

import json
from collections.abc import Iterator

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")


class NotJsonError(ValueError):
    """The body is no JSON, so nobody can tell its entries."""

    def __init__(self) -> None:
        super().__init__(
            "The body is not JSON. For one entry on each line, send Content-Type: application/x-ndjson."
        )


class EntriesError(ValueError):
    """The body is no list, or not as long as it may be."""


class NotJson:
    """Stands for a line that is no JSON: one entry that is wrong, which spoils no other."""


def entries(body: bytes, media_type: str, most: int) -> list[object]:
    """Return the 1 to `most` entries of a body, in order.

    Raises NotJsonError, or EntriesError with a text for the client.
    """
    found = list(_lines(body)) if media_type in NDJSON else _array(body)
    if not found:
        raise EntriesError(f"There is no entry. Send 1 to {most}.")
    if len(found) > most:
        raise EntriesError(f"There are {len(found)} entries. Send {most} at most, the others after them.")
    return found


def _array(body: bytes) -> list[object]:
    found = _value(body)
    if isinstance(found, NotJson):
        raise NotJsonError
    if not isinstance(found, list):
        raise EntriesError("The body is not a list. Send a JSON array, even for one entry.")
    return found


def _lines(body: bytes) -> Iterator[object]:
    """Yield each line's value. Only a line feed ends a line: U+2028 and others may be in a text."""
    for line in body.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line.strip():
            yield _value(line)


def _value(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NotJson()
