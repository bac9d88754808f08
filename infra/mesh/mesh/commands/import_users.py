"""`mesh import`: the users of a file into a tenant, each once, whatever interrupts it."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rich.console import Console

from mesh.errors import MeshError
from mesh.importing import place as places
from mesh.importing.entries import Entry, Refused, read
from mesh.importing.place import Place
from mesh.importing.sending import MOST_BYTES, MOST_ENTRIES, Api, Outcome
from mesh.progress import progress_bar

Wrong = tuple[int, object, list[dict[str, str]]]  # line, entry, problems


class Done(NamedTuple):
    """How it ended."""

    created: int
    refused: int
    errors: Path


def run(file: Path, tenant: str, url: str, api: Api, console: Console) -> Done:
    """Send every user of a file to the API, going on where an earlier run was interrupted.

    What is refused stands in FILE.errors.ndjson in the end, with its line and why. MeshError if the file
    cannot be read, has changed meanwhile, or the API takes nothing.
    """
    total = sum(1 for _ in read(file))  # and nothing is sent of a file that cannot be read to its end
    place = places.begin(file, tenant, url)
    errors = file.with_name(f"{file.name}.errors.ndjson")
    if place.line:
        console.print(f"Going on after line {place.line}, where the last run ended.")
    with progress_bar(console) as progress, _opened(errors, place.errors_bytes) as written:
        task = progress.add_task(tenant, total=total, completed=place.created + place.refused)
        for chunk in _chunks(each for each in read(file) if each.line > place.line):
            wrong = sorted([*_unsendable(chunk), *_sent(api, place, chunk)], key=lambda each: each[0])
            for each in wrong:
                written.write(_line(each))
            written.flush()
            place.line = chunk[-1].line
            place.created += len(chunk) - len(wrong)
            place.refused += len(wrong)
            place.errors_bytes = written.tell()
            places.keep(file, place)
            progress.update(task, completed=place.created + place.refused)
    if not place.refused:
        errors.unlink()
    places.forget(file)
    return Done(place.created, place.refused, errors)


def _opened(errors: Path, kept: int) -> BinaryIO:
    """Open the file of errors after what an earlier run has kept of it; its owner alone can read it."""
    file = os.fdopen(os.open(errors, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    file.truncate(kept)
    file.seek(kept)
    return file


def _chunks(found: Iterable[Entry | Refused]) -> Iterator[list[Entry | Refused]]:
    """Yield what fits into a request, with what is refused here in between."""
    chunk: list[Entry | Refused] = []
    size = 0
    for each in found:
        more = len(each.json) + 1 if isinstance(each, Entry) else 0
        if chunk and (len(chunk) == MOST_ENTRIES or size + more > MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += more
    if chunk:
        yield chunk


def _unsendable(chunk: Iterable[Entry | Refused]) -> Iterator[Wrong]:
    for each in chunk:
        if isinstance(each, Refused):
            yield each.line, each.text, [{"pointer": "", "detail": each.problem}]


def _sent(api: Api, place: Place, chunk: Iterable[Entry | Refused]) -> Iterator[Wrong]:
    """Send the entries of a chunk and yield those that were refused; MeshError if they went elsewhere."""
    entries = [each for each in chunk if isinstance(each, Entry)]
    if not entries:
        return
    key = f"{place.digest}:{entries[0].line}-{entries[-1].line}"
    for outcome in api.send(key, entries):
        if outcome.tenant not in (None, place.tenant):
            raise MeshError(
                f"The token is of the tenant {outcome.tenant}, not of {place.tenant}: users of lines "
                f"{entries[0].line} to {entries[-1].line} are there now."
            )
        if outcome.problems:
            yield outcome.entry.line, _readable(outcome), outcome.problems


def _readable(outcome: Outcome) -> object:
    try:
        return json.loads(outcome.entry.json)
    except (ValueError, RecursionError):
        return outcome.entry.json.decode()


def _line(wrong: Wrong) -> bytes:
    line, entry, problems = wrong
    return (
        json.dumps({"line": line, "entry": entry, "problems": problems}, ensure_ascii=False).encode() + b"\n"
    )
