import shutil
from types import SimpleNamespace

import pytest

from infra.sam import engine

ADDRESSES = [
    SimpleNamespace(family=engine.AddressFamily.AF_INET6, address="fe80::1"),
    SimpleNamespace(family=engine.AddressFamily.AF_INET, address="172.18.0.1"),
]


def test_only_root_on_linux_may_start_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    with pytest.raises(engine.EngineError, match="only root on Linux may start one"):
        engine.ensure_programs({"dockerd": "docker.io"})


def test_without_apt_get_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine.platform, "system", lambda: "Linux")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(engine.EngineError, match=r"apt-get install --no-install-recommends docker\.io"):
        engine.ensure_programs({"dockerd": "docker.io"})


def test_the_bridges_address_is_that_of_its_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "docker", lambda *_: "bridge0")
    monkeypatch.setattr(engine.psutil, "net_if_addrs", lambda: {"lo": [], "bridge0": ADDRESSES})
    assert engine.bridge_address({}) == "172.18.0.1"


def test_a_bridge_that_is_not_on_this_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "docker", lambda *_: "bridge0")
    monkeypatch.setattr(engine.psutil, "net_if_addrs", lambda: {"lo": []})
    with pytest.raises(engine.EngineError, match="'bridge0' has no IPv4 address on this machine"):
        engine.bridge_address({})
