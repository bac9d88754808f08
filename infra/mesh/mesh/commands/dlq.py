"""The commands under `mesh dlq`."""

import json
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mesh.errors import MeshError
from mesh.kafka.record_text import line, lines, text
from mesh.state import load_running, lock

if TYPE_CHECKING:
    from mesh.kafka.dead_letters import Letter

_WIDTH = 200  # of what is no terminal: a pipe shall not cut the table

app = typer.Typer(
    help="Records that could not be processed: look at them, send them again.", no_args_is_help=True
)
console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)

Tenant = Annotated[str | None, typer.Option(help="Only those whose key or header names this tenant.")]
Reason = Annotated[str | None, typer.Option(help="Only those for this reason, such as not-json.")]


@app.command("list")
def list_command(
    tenant: Tenant = None,
    reason: Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="Those too that were replayed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the dead letters that were not replayed yet."""
    from mesh.kafka import dead_letters

    choice = dead_letters.choose(reason, tenant)
    found = [each for each in dead_letters.read(dead_letters.topic_of(load_running())) if each.is_of(choice)]
    shown = [letter for letter in found if everything or not letter.replayed]
    if as_json:
        typer.echo(json.dumps([_row(letter) for letter in shown], indent=2))
        return
    if shown:
        console.print(_table(shown))
    counts = Counter(letter.notes.get("reason", "no reason") for letter in shown)
    said = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    hidden = len(found) - len(shown)
    typer.echo(_count(len(shown)) + (f": {line(said)}" if said else ""))
    if hidden:
        typer.echo(f"Replayed already: {_count(hidden)}. To see them: mesh dlq list --all")


@app.command("show")
def show_command(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `mesh dlq list` has it.")],
) -> None:
    """Show a dead letter: why it is one, its key, its headers and its value."""
    from mesh.kafka import dead_letters

    [letter] = dead_letters.at(dead_letters.read(dead_letters.topic_of(load_running())), [place])
    key, value, headers = letter.record
    for name, content in (
        ("place", letter.place),
        *((name, letter.notes.get(name, "")) for name in ("reason", "error", "time")),
        ("origin", letter.origin),
        ("replayed", "yes" if letter.replayed else "no"),
        ("key", text(key)),
        *(("header", f"{name}: {text(content)}") for name, content in headers),
    ):
        typer.echo(f"{name:9}{line(content)}")
    typer.echo(f"value\n{_pretty(value)}")


@app.command("replay")
def replay_command(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="PARTITION:OFFSET", help="Which ones.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not replayed yet.")] = False,
    tenant: Tenant = None,
    reason: Reason = None,
) -> None:
    """Send dead letters back to the topic they came from; what is still poison comes back as a new one.

    Only what --all sends is remembered as replayed.
    """
    from mesh.kafka import dead_letters

    if everything == bool(places):
        raise MeshError("Say which dead letters to replay: PARTITION:OFFSET, or --all.")
    if places and (tenant or reason):
        raise MeshError("--tenant and --reason choose among --all, not among the places that are given.")
    choice = dead_letters.choose(reason, tenant)
    with lock():
        topic = dead_letters.topic_of(load_running())
        letters = dead_letters.read(topic)
        chosen = dead_letters.at(letters, places or [])
        if everything:
            chosen = dead_letters.left(letters, choice)
        number = 0
        for letter in dead_letters.replay(topic, chosen, choice if everything else None):
            number += 1
            typer.echo(line(f"{letter.place} → {letter.notes['topic']}  {text(letter.record.key)}"))
    typer.echo(f"Sent again: {_count(number)}")


def _count(number: int) -> str:
    return f"{number or 'no'} dead letter{'s' * (number != 1)}"


def _row(letter: "Letter") -> dict[str, Any]:
    return {
        "place": letter.place,
        **{
            name: letter.notes.get(name)
            for name in ("time", "reason", "error", "topic", "partition", "offset")
        },
        "key": text(letter.record.key),
        "replayed": letter.replayed,
    }


def _table(letters: "list[Letter]") -> Table:
    shown = Table()
    for name in ("place", "time", "reason"):
        shown.add_column(name, no_wrap=True)
    for name in ("error", "key", "origin"):
        shown.add_column(name, overflow="fold")
    for letter in letters:
        place = letter.place + " (replayed)" * letter.replayed
        time, reason, error = (letter.notes.get(name, "") for name in ("time", "reason", "error"))
        row = [place, time.partition(".")[0], reason, error, text(letter.record.key), letter.origin]
        shown.add_row(*(Text(line(cell)) for cell in row))
    return shown


def _pretty(value: bytes | None) -> str:
    """Return a value for the eye: JSON with its members one below the other, anything else as it is."""
    from users.events import PoisonRecordError, read_json

    shown = text(value)
    with suppress(PoisonRecordError):
        shown = json.dumps(read_json(value or b""), indent=2, ensure_ascii=False)
    return lines(shown)
