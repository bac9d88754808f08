"""A Prometheus is started for the mesh that asks for it, or it is said how to come by one."""

from pathlib import Path

import pytest
from mesh.errors import MeshError
from mesh.observing import prometheus


def test_given_no_prometheus_when_asked_for_then_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("MESH_PROMETHEUS", raising=False)
    with pytest.raises(MeshError, match=r"apt-get install --no-install-recommends prometheus"):
        prometheus.find()


def test_given_a_program_that_is_not_there_when_named_then_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESH_PROMETHEUS", "/nowhere/prometheus")
    with pytest.raises(MeshError, match="'/nowhere/prometheus'"):
        prometheus.find()


def test_given_a_mesh_when_prometheus_starts_then_it_scrapes_that_one_and_has_its_rules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MESH_PROMETHEUS", "/bin/sh")  # any program
    command = prometheus.command(9090, "http://127.0.0.1:4321", tmp_path / "prometheus")
    assert "--web.listen-address=127.0.0.1:9090" in command
    configuration = (tmp_path / "prometheus" / "prometheus.yaml").read_text()
    assert 'targets: ["127.0.0.1:4321"]' in configuration
    assert "rule_files: [rules.yaml]" in configuration
    assert (tmp_path / "prometheus" / "rules.yaml").read_text() == (
        prometheus.FOLDER / "rules.yaml"
    ).read_text()
