import shutil

import pytest

from infra.sam import engine


def test_only_root_on_linux_may_start_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    with pytest.raises(engine.EngineError, match="only root on Linux may start one"):
        engine.ensure_programs({"dockerd": "docker.io"})


def test_without_apt_get_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine.platform, "system", lambda: "Linux")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(engine.EngineError, match="is not installed"):
        engine.ensure_programs({"dockerd": "docker.io"})
