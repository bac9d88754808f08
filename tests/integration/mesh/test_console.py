"""The console as `mesh up` starts it: what happens is on an open page, and no page holds it up at its end."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mesh import components, paths, process
from mesh.state import Component

from tests.components import lying_in

SPAN = {
    "traceId": "a" * 32,
    "spanId": "b" * 16,
    "name": "POST /users/create",
    "kind": 2,
    "startTimeUnixNano": "1796135479000000000",
    "endTimeUnixNano": "1796135479098000000",
}
EXPORT = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "create_user"}}]},
            "scopeSpans": [{"spans": [SPAN]}],
        }
    ]
}
_READ_SECONDS = 20


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Component]:
    """A console without a mesh."""
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "HOME", tmp_path)
    with lying_in(tmp_path):
        component = components.start_console(process.free_port())
        try:
            components.wait_ready(component)
            yield component
        finally:
            components.stop(component)


def token(console: Component) -> str:
    found = re.search(r'name="console-token" content="([^"]+)"', httpx.get(console.address).text)
    assert found
    return found[1]


@contextmanager
def open_page(console: Component) -> Iterator[Callable[[], tuple[str, Any]]]:
    """Open a stream as the page does; the value returns the next event."""
    headers = {"X-Console-Token": token(console)}
    with httpx.stream(
        "GET", f"{console.address}/api/stream", headers=headers, timeout=_READ_SECONDS
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()

        def following() -> tuple[str, Any]:
            name = next(line for line in lines if line.startswith("event: "))
            return name.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))

        yield following


def send(console: Component) -> None:
    httpx.post(f"{console.address}/v1/traces", json=EXPORT).raise_for_status()


def test_given_an_open_page_when_a_span_comes_then_it_is_told_and_the_trace_can_be_followed(
    console: Component,
) -> None:
    with open_page(console) as following:
        name, state = following()
        assert (name, state["tracing"]["state"]) == ("state", "off")  # no mesh has it for an endpoint
        send(console)
        told = following()
        while told[0] == "state":
            told = following()
    [visit] = told[1]
    assert told[0] == "visits"
    assert (visit["station"], visit["milliseconds"], visit["traces"]) == ("functions", 98, ["a" * 32])
    headers = {"X-Console-Token": token(console)}
    way = httpx.get(f"{console.address}/api/way/{'a' * 32}", headers=headers).json()
    assert [step["station"] for step in way["steps"]] == ["functions"]
    assert way["searchableAfter"] is None


def test_given_open_pages_when_the_console_is_stopped_then_it_ends_by_itself_and_says_nothing(
    console: Component,
) -> None:
    running = process.find(console.pid or 0)
    assert running
    with open_page(console) as one, open_page(console) as other:
        one()
        other()
        running.terminate()
        assert process.wait_until(lambda: not process.is_running(running), 9)  # less than `stop` waits
    assert Path(console.log or "").read_text() == ""


def test_given_a_crashed_console_when_started_at_its_port_then_it_has_another_token(
    console: Component,
) -> None:
    before, port = token(console), int(console.address.rpartition(":")[2])
    running = process.find(console.pid or 0)
    assert running
    process.kill(running)
    again = components.start_console(port)
    try:
        components.wait_ready(again)
        assert token(again) != before
        old = httpx.get(f"{again.address}/api/letters", headers={"X-Console-Token": before})
        assert (old.status_code, "Reload" in old.json()["message"]) == (401, True)
    finally:
        components.stop(again)
