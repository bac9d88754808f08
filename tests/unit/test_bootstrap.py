"""bootstrap.py: a Python that cannot do it says so."""

import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap


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
