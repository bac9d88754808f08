"""`mesh up --compose` and what it asks of Docker, by a `docker` that only notes it."""

from pathlib import Path

import pytest
from mesh import containers, paths, state
from mesh.commands import down, up
from mesh.errors import MeshError


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGS", "DATA", "TEMPORARY"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    for name, file in (("HOME", ""), ("STATE", "state.json"), ("REINDEX", "reindex.json")):
        monkeypatch.setattr(paths, name, tmp_path / file)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where programs are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def docker(folder: Path, last_words: str = "", without_plugin: bool = False) -> Path:
    """Put a `docker` there, which fails if it has last words; return where it notes what it was asked."""
    notes = folder / "notes"
    program = folder / "docker"
    ending = f'echo "{last_words}"; exit 1' if last_words else "exit 0"
    program.write_text(
        f'#!/bin/sh\n[ "$2" = version ] && exit {without_plugin:d}\necho "$@" >> {notes}\n{ending}\n'
    )
    program.chmod(0o755)
    return notes


def asked(notes: Path) -> list[str]:
    """Return the commands that `docker compose` was given."""
    start = f"compose --file {containers.FILE} "
    lines = notes.read_text().splitlines()
    assert all(line.startswith(start) for line in lines)
    return [line.removeprefix(start) for line in lines]


def test_containers_are_started_and_waited_for(bin_folder: Path) -> None:
    notes = docker(bin_folder)
    containers.start()
    assert asked(notes) == ["up --detach --wait --wait-timeout 180"]


def test_containers_that_do_not_start_are_taken_down_and_docker_says_why(bin_folder: Path) -> None:
    notes = docker(bin_folder, "no matching manifest")
    with pytest.raises(MeshError, match=r"(?s)'docker compose up' failed.*no matching manifest"):
        containers.start()
    assert asked(notes)[1:] == ["down"]


@pytest.mark.parametrize(("volumes", "command"), [(False, "down"), (True, "down --volumes")])
def test_volumes_go_only_if_asked(bin_folder: Path, volumes: bool, command: str) -> None:
    notes = docker(bin_folder)
    down.down(state.State(compose=True), volumes)
    assert asked(notes) == [command]


def test_a_mesh_without_containers_leaves_docker_alone(bin_folder: Path) -> None:
    notes = docker(bin_folder)
    down.down(state.State(), volumes=True)
    assert not notes.exists()


@pytest.mark.parametrize("with_docker", [False, True])
def test_without_docker_or_its_plugin_nothing_is_started_and_the_way_without_is_named(
    bin_folder: Path, with_docker: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_docker:
        docker(bin_folder, without_plugin=True)
    monkeypatch.setattr(up.build, "ensure_environment", lambda _: None)
    monkeypatch.setattr(up.build, "build", lambda _: None)
    with pytest.raises(MeshError, match=r"needs Docker with its compose plugin.*Without them: mesh up"):
        up.up(up.Ports(), {}, lambda _: None, compose=True)
    assert state.load().components == []


def test_a_mesh_that_runs_without_containers_does_not_move_into_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up.build, "ensure_environment", lambda _: None)
    monkeypatch.setattr(up.build, "build", lambda _: None)
    state.State(api_url="http://api", components=[state.Component("kafka", "somewhere:9092")]).save()
    with pytest.raises(MeshError, match="runs without containers already"):
        up.up(up.Ports(), {}, lambda _: None, compose=True)
