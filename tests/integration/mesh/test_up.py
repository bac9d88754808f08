"""How `mesh up` fails: with the component's own words, and with nothing left behind."""

import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from mesh import components, paths, process, state
from mesh.commands import up
from mesh.deployment import build, deploy, template_parameters
from mesh.errors import MeshError


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGS", "DATA", "TEMPORARY"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(paths, "STATE", tmp_path / "state.json")


def replaced_by(script: str) -> Callable[[int, str], state.Component]:
    """A broker that runs a script instead."""

    def start(port: int, broker: str) -> state.Component:
        log = paths.LOGS / "kafka.log"
        running = process.start([sys.executable, "-c", script], build.base_environment(), log)
        return state.Component("kafka", f"127.0.0.1:{port}", running.pid, str(log))

    return start


def test_a_component_that_dies_at_start_is_named_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "start_kafka", replaced_by("raise SystemExit('no room for the log')"))

    with pytest.raises(MeshError, match=r"(?s)kafka died while it started.*no room for the log"):
        up.up(up.Ports(), {}, progress=lambda _: None)

    assert state.load().components == []
    assert not paths.DATA.exists()
    assert not paths.TEMPORARY.exists()


def test_a_component_that_never_answers_is_named_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = "import time; print('thinking', flush=True); time.sleep(600)"
    monkeypatch.setattr(components, "start_kafka", replaced_by(silent))
    monkeypatch.setattr(components, "_READY_TIMEOUT", 10)

    with pytest.raises(MeshError, match=r"(?s)kafka does not answer at.*thinking"):
        up.up(up.Ports(), {}, progress=lambda _: None)

    assert state.load().components == []


def test_a_failed_build_shows_the_last_lines_of_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_uv_bin", lambda: "/bin/false")
    monkeypatch.setattr(paths, "ENVIRONMENTS", paths.HOME / "environments")

    with pytest.raises(MeshError, match=r"environment 'sam'\. Is the package index reachable\?"):
        build.ensure_environment("sam")


def test_a_mapping_that_the_poller_refuses_is_shown_before_anything_is_deployed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = tmp_path / "template.yaml"
    text = paths.TEMPLATE.read_text()
    template.write_text(text.replace("StartingPosition: TRIM_HORIZON", "StartingPosition: SOMEWHERE"))
    monkeypatch.setattr(paths, "TEMPLATE", template)

    somewhere = state.State(kafka_bootstrap_servers="127.0.0.1:9092", qdrant_url="http://127.0.0.1:6333")
    with pytest.raises(MeshError, match=r"(?s)refuses the event source mapping.*SOMEWHERE"):
        components.check_mapping(template_parameters.given(somewhere))


def test_an_api_that_is_not_healthy_is_no_success() -> None:
    with pytest.raises(httpx.ConnectError):
        deploy.check_health(f"http://127.0.0.1:{process.free_port()}")
