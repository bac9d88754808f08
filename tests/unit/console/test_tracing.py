"""Where a mesh's traces go: to its console, unless a person says otherwise."""

from pathlib import Path
from typing import Any

import pytest
from mesh import components, paths, state
from mesh.commands import sam, up
from mesh.console.app import tracing
from mesh.deployment import template_parameters
from mesh.state import Component, State

CONSOLE = Component("console", "http://127.0.0.1:4321", 1)


@pytest.mark.parametrize(
    ("parameters", "endpoint"),
    [
        ({}, CONSOLE.address),
        ({"OtlpEndpoint": "http://collector:4318"}, "http://collector:4318"),
        ({"OtlpEndpoint": ""}, ""),
    ],
)
def test_given_a_mesh_when_deployed_then_traces_go_to_the_console_but_for_what_a_person_says(
    parameters: dict[str, str], endpoint: str
) -> None:
    given = template_parameters.given(State(components=[CONSOLE], parameters=parameters))
    assert given["OtlpEndpoint"] == endpoint


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [(CONSOLE.address, "here"), ("", "off"), ("http://collector:4318", "elsewhere")],
)
def test_given_an_endpoint_when_the_page_is_opened_then_it_says_where_traces_go(
    endpoint: str, expected: str
) -> None:
    assert tracing(State(otlp_endpoint=endpoint), CONSOLE.address)["state"] == expected


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The components that were stopped; one that is started is the console."""
    names: list[str] = []
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(paths, "STATE", tmp_path / "state.json")
    monkeypatch.setattr(components, "stop", lambda component: names.append(component.name))
    monkeypatch.setattr(components, "start_console", lambda port: CONSOLE)
    monkeypatch.setattr(components, "wait_ready", lambda component: None)
    return names


def test_given_a_mesh_of_an_older_version_when_brought_up_then_it_gets_a_console_instead_of_its_sink(
    stopped: list[str],
) -> None:
    older = State(
        components=[Component("kafka", "127.0.0.1:1", 2), Component("traces", "http://127.0.0.1:2", 3)]
    )
    assert up._start_console(older)
    assert stopped == ["traces"]
    assert [each.name for each in older.components] == ["kafka", "console"]
    assert state.load_unchecked() == state.load() == older
    assert not up._start_console(older)


def test_given_no_mesh_when_its_state_is_read_then_it_is_empty(stopped: list[str]) -> None:
    assert state.load_unchecked() == State()


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [("http://127.0.0.1:4321", True), ("http://collector:4318", False), ("", False), (None, False)],
)
def test_given_a_container_when_configured_then_it_sends_nothing_to_where_it_cannot_get(
    endpoint: str | None, expected: bool
) -> None:
    variables: dict[str, Any] = {} if endpoint is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    assert sam._is_here({"Environment": {"Variables": variables}}) is expected
