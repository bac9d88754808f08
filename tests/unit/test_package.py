"""Packages for OpenTofu and Terraform: the same sources make the same bytes, and the manifest says which."""

import json
import os
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from mesh import paths
from mesh.commands import package
from mesh.deployment import build
from mesh.errors import MeshError

TEMPLATE = {
    "Resources": {
        "AFunction": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "AFunction"}},
        "BLayer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "BLayer"}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
    }
}
Pack = Callable[..., Path]


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """Builds the same sources in another checkout, and packs them; returns the folder."""

    def pack(checkout: str, text: str = "x = 1\n") -> Path:
        monkeypatch.setattr(paths, "CACHE", tmp_path / checkout / "cache")
        monkeypatch.setattr(paths, "BUILD", tmp_path / checkout / "build")
        for name, content in {
            "AFunction/app.py": text,
            "BLayer/python/z.py": "z",
            "BLayer/python/a/b.so": "b",
        }.items():
            file = paths.BUILD / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        (paths.BUILD / "BLayer/python/a/b.so").chmod(0o755)
        package.write(tmp_path / checkout / "packages", build.archives(TEMPLATE))
        return tmp_path / checkout / "packages"

    return pack


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_given_the_same_sources_in_another_checkout_then_the_packages_are_the_same_bytes(pack: Pack) -> None:
    one = pack("one")
    umask = os.umask(0o077)
    try:
        other = pack("other")
    finally:
        os.umask(umask)
    os.utime(paths.BUILD / "AFunction/app.py", (0, 0))
    assert contents(one) == contents(other)


def test_given_files_that_only_their_owner_may_read_when_packed_then_lambda_may_read_them(pack: Pack) -> None:
    umask = os.umask(0o077)
    try:
        folder = pack("one")
    finally:
        os.umask(umask)
    with ZipFile(next(folder.glob("BLayer-*.zip"))) as layer:
        modes = {each.filename: each.external_attr >> 16 & 0o777 for each in layer.infolist()}
    assert modes == {"python/a/b.so": 0o755, "python/z.py": 0o644}


def test_the_manifest_has_what_lambda_tells_of_each_package(pack: Pack) -> None:
    folder = pack("one")
    manifest = json.loads((folder / package.MANIFEST).read_text())
    assert manifest["runtime"] == build.RUNTIME
    assert manifest["packages"].keys() == {"AFunction", "BLayer"}
    for entry in manifest["packages"].values():
        content = (folder / entry["file"]).read_bytes()
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == sha256(content).hexdigest() == b64decode(entry["code_sha256"]).hex()


def test_given_other_sources_when_packed_again_then_only_what_changed_has_another_name(pack: Pack) -> None:
    before = set(contents(pack("one")))
    after = set(contents(pack("one", "x = 2\n")))
    assert {name.split("-")[0] for name in before ^ after} == {"AFunction"}
    assert len(before) == len(after)


def test_given_a_folder_of_something_else_then_nothing_is_written_into_it(tmp_path: Path) -> None:
    (tmp_path / "thesis.zip").write_text("years of work")
    with pytest.raises(MeshError, match=r"holds thesis\.zip, and no manifest\.json"):
        package.package(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.zip"]
