"""`mesh console`: the address is said, and opened where that can be."""

import pytest
from mesh.commands.watching import page
from mesh.errors import MeshError
from mesh.state import Component, State

MESH = State(components=[Component("console", "http://127.0.0.1:4321", 1)])


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was asked to open, on a Linux without windows."""
    urls: list[str] = []
    monkeypatch.setattr(page.webbrowser, "open", urls.append)
    monkeypatch.setattr(page.sys, "platform", "linux")
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return urls


def said() -> list[str]:
    lines: list[str] = []
    page.open_console(MESH, lines.append)
    return lines


def test_given_no_windows_when_asked_for_then_the_address_is_said(opened: list[str]) -> None:
    assert said() == ["http://127.0.0.1:4321"]
    assert opened == []


@pytest.mark.parametrize("variable", ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"])
def test_given_windows_when_asked_for_then_it_is_opened_too(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "something")
    assert said() == opened == ["http://127.0.0.1:4321"]


def test_given_a_browser_that_cannot_be_started_when_asked_for_then_that_is_no_error(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> bool:
        raise page.webbrowser.Error("could not locate runnable browser")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(page.webbrowser, "open", broken)
    assert said() == ["http://127.0.0.1:4321"]


def test_given_a_mesh_without_a_console_when_asked_for_then_it_is_said_how_to_get_one() -> None:
    with pytest.raises(MeshError, match="mesh up"):
        page.open_console(State(), print)
