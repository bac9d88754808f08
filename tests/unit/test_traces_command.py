"""`mesh traces`, as a terminal shows it."""

from collections.abc import Iterator
from typing import Any

import pytest
from mesh.commands.watching import traces
from mesh.errors import MeshError
from mesh.state import Component, State
from mesh.traces.span import Span
from rich.table import Table

from tests.otlp_sink import OtlpSink

TRACE, BATCH = "a" * 32, "b" * 32


def span(span_id: str, parent_id: str | None, name: str, at_ms: int, **more: Any) -> Span:
    known = {"trace_id": TRACE, "kind": "SERVER", "service": "create_user", "failed": False, "links": []}
    start = 10**18 + at_ms * 1_000_000
    times = {"start": start, "end": start + 2_500_000}
    own = {"span_id": span_id, "parent_id": parent_id, "name": name, "attributes": {}}
    return Span(**{**known, **times, **own, **more})


@pytest.fixture
def server() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


@pytest.fixture
def state(server: OtlpSink) -> State:
    return State(components=[Component("console", server.url)])


def rows(table: Table) -> list[str]:
    columns = [list(column.cells) for column in table.columns]
    return [" | ".join(map(str, row)) for row in zip(*columns, strict=True)]


def test_given_a_trace_when_shown_then_each_span_stands_below_its_parent_with_its_time(
    server: OtlpSink, state: State
) -> None:
    server.traces.add([span("1", None, "POST /users/create", 0), span("2", "1", "create user.events", 1)])
    server.traces.add([span("3", "gone", "process user.events", 7, service="enrich")])
    assert rows(traces.way(state, TRACE)) == [
        "0.0 | 2.5 | create_user | POST /users/create",
        "1.0 | 2.5 | create_user |   create user.events",
        "7.0 | 2.5 | enrich | process user.events",
    ]


def test_given_traces_when_listed_then_the_newest_is_first(server: OtlpSink, state: State) -> None:
    server.traces.add([span("1", None, "GET /users", 0), span("2", None, "GET [/]", 5, trace_id=BATCH)])
    assert rows(traces.last(state)) == [
        f"{BATCH} | create_user: GET \\[/] | 1 | 2.5",
        f"{TRACE} | create_user: GET /users | 1 | 2.5",
    ]


def test_given_a_trace_that_is_not_kept_when_asked_for_then_that_is_said(state: State) -> None:
    with pytest.raises(MeshError, match="no such trace"):
        traces.way(state, TRACE)


def test_given_a_mesh_of_an_older_version_when_asked_then_it_says_what_keeps_traces() -> None:
    with pytest.raises(MeshError, match="Bring it up to date: mesh up"):
        traces.last(State())
