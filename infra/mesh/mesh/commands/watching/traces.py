"""The traces that a mesh keeps, for people: the last ones, and one as a tree."""

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
from rich.markup import escape
from rich.table import Table

from mesh import components
from mesh.errors import MeshError
from mesh.state import State

_NANOS = 1_000_000


def last(state: State) -> Table:
    """Return the last traces as a table, the newest first; MeshError if the mesh keeps none."""
    shown = Table("trace", "what", "spans", "ms")
    for each in _get(state, "/traces")["traces"]:
        style = "red" if each["failed"] else ""
        what = escape(f"{each['service']}: {each['name']}")
        shown.add_row(each["traceId"], what, str(each["spans"]), f"{each['milliseconds']:.1f}", style=style)
    return shown


def way(state: State, trace_id: str) -> Table:
    """Return the spans of a trace and of those that link to it, each below its parent.

    MeshError if the mesh keeps no traces, or not this one.
    """
    spans = _get(state, f"/traces/{trace_id}")["spans"]
    begun = min(int(span["startTimeUnixNano"]) for span in spans)
    shown = Table("after ms", "for ms", "function", "what")
    for depth, span in _below(None, spans, 0):
        after = (int(span["startTimeUnixNano"]) - begun) / _NANOS
        what = escape(f"{'  ' * depth}{span['name']}")
        style = "red" if span["failed"] else ""
        shown.add_row(f"{after:.1f}", f"{span['milliseconds']:.1f}", span["service"], what, style=style)
    return shown


def _below(
    parent_id: str | None, spans: Sequence[dict[str, Any]], depth: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the spans below a parent, as they began; one whose parent is not there stands at the root."""
    there = {span["spanId"] for span in spans}
    for span in spans:
        if (span["parentSpanId"] if span["parentSpanId"] in there else None) == parent_id:
            yield depth, span
            yield from _below(span["spanId"], spans, depth + 1)


def _get(state: State, path: str) -> Any:
    console = state.component(components.CONSOLE)
    if console is None:
        raise MeshError("This mesh is of an older version, and keeps no traces. Bring it up to date: mesh up")
    try:
        answer = httpx.get(console.address + path, timeout=10)
    except httpx.HTTPError as error:
        raise MeshError(f"console does not answer at {console.address}: {error}") from error
    if not answer.is_success:
        raise MeshError(answer.json()["message"])
    return answer.json()
