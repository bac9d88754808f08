"""A file of users as entries with their lines: NDJSON as it is, CSV with a header as JSON.

What a user may be, the API decides. Here is refused what could not even be sent: bytes that are no UTF-8,
rows that do not fit the header, endless lines. No more than a row of the file is in memory.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mesh.errors import MeshError

COLUMNS = ("email", "name", "profile")
LONGEST_LINE = 64 * 1024  # a user takes 14 KiB at most, each character escaped

_BOM = b"\xef\xbb\xbf"
_NEEDED = {"email", "name"}
_NDJSON = (".ndjson", ".jsonl")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class Entry(NamedTuple):
    """A user as the API takes it, in JSON, and the line where it begins, from 1."""

    line: int
    json: bytes


class Refused(NamedTuple):
    """What cannot be sent: the line where it begins, what is there, and what is wrong with it."""

    line: int
    text: str
    problem: str


def read(file: Path) -> Iterator[Entry | Refused]:
    """Yield what is in a file, in its order; MeshError if nobody can tell where its entries begin or end."""
    if file.suffix.lower() not in (".csv", *_NDJSON):
        raise MeshError(
            f"{file} is neither CSV nor NDJSON by its name: .csv, {', '.join(_NDJSON)}. "
            "A JSON array becomes NDJSON by: jq -c '.[]'"
        )
    with file.open("rb") as source:
        yield from _rows(file, source) if file.suffix.lower() == ".csv" else _objects(source)


def _objects(source: BinaryIO) -> Iterator[Entry | Refused]:
    for number, line in _lines(source):
        if line.isspace():
            continue
        if len(line) > LONGEST_LINE:
            yield Refused(number, _shown(line), f"The line is longer than {LONGEST_LINE // 1024} KiB.")
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            yield Refused(number, _shown(line), "The line is not UTF-8.")
        else:
            yield Entry(number, line.strip())


def _rows(file: Path, source: BinaryIO) -> Iterator[Entry | Refused]:
    begins = 1  # where the row at hand does: with line ends in quotes, it may be many lines
    rows = csv.reader(_text(file, source), strict=True)
    header: list[str] = []
    try:
        for row in rows:
            if row and header:
                yield _entry(begins, header, row)
            elif row:
                header = _header(file, row)
            begins = rows.line_num + 1
    except csv.Error as error:
        raise MeshError(
            f"{file}, line {begins}: the row is not CSV ({error}). A quote in a text is written twice, and "
            "the text stands in quotes. Nothing after that line can be read."
        ) from error
    if not header:
        raise MeshError(f"{file} is empty. Its first line names the columns: {','.join(COLUMNS)}")


def _text(file: Path, source: BinaryIO) -> Iterator[str]:
    for number, line in _lines(source):
        if len(line) > LONGEST_LINE:
            raise MeshError(f"{file}, line {number} is longer than {LONGEST_LINE // 1024} KiB.")
        yield line.decode(errors="surrogateescape")  # so that one row with other bytes spoils no other


def _header(file: Path, row: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in row]
    first = "".join(columns)
    if not _is_text(first) or "\0" in first:
        raise MeshError(f"{file} is not UTF-8. Save it as “CSV UTF-8”.")
    for separator, name in _SEPARATORS.items():
        if len(columns) == 1 and separator in first:
            raise MeshError(f"{file} has its columns separated by {name}. Separate them by commas.")
    strange = [name for name in columns if name not in COLUMNS]
    if strange or len(set(columns)) < len(columns) or not _NEEDED.issubset(columns):
        what = f"the column {strange[0]!r}" if strange else f"the columns {','.join(columns)}"
        raise MeshError(
            f"{file} has {what}. Its first line names email and name, and profile if there is one, each "
            "once, in any order, and nothing else: remove other columns."
        )
    return columns


def _entry(line: int, header: list[str], row: list[str]) -> Entry | Refused:
    text = ",".join(row)
    if not _is_text(text):
        return Refused(line, _shown(text.encode(errors="surrogateescape")), "The row is not UTF-8.")
    if len(row) != len(header):
        has = f"The row has {len(row)} columns, and the header {len(header)}."
        return Refused(line, text, f"{has} A text with a comma stands in quotes.")
    return Entry(line, json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False).encode())


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield lines with their numbers, without a byte order mark; of a longer one what shows that it is."""
    number = 0
    while line := source.readline(LONGEST_LINE + 1):
        number += 1
        yield number, line.removeprefix(_BOM) if number == 1 else line
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            line = source.readline(LONGEST_LINE + 1)


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(line: bytes) -> str:
    return line[:1000].decode(errors="backslashreplace").strip()
