"""What the meshes of a checkout share is made by one of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from mesh import paths
from mesh.deployment import build


def test_given_two_meshes_when_both_want_an_environment_then_one_makes_it_and_the_other_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[list[str]] = []
    at_work, go_on = Event(), Event()

    def run(command: list[str], *_: object) -> None:
        made.append(command)
        (paths.ENVIRONMENTS / "tools").mkdir(parents=True)
        at_work.set()
        assert go_on.wait(60)

    monkeypatch.setattr(build, "run", run)
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(paths, "ENVIRONMENTS", tmp_path / "environments")
    with ThreadPoolExecutor(2) as meshes:
        first = meshes.submit(build.ensure_environment, "tools")
        assert at_work.wait(60)
        second = meshes.submit(build.ensure_environment, "tools")
        assert not second.done()
        go_on.set()
        assert first.result() == second.result() == tmp_path / "environments" / "tools" / "bin"
    assert len(made) == 1
