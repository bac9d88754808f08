"""The zips that a deployment by other means than SAM takes, and a manifest of what is in them."""

import json
import shutil
from base64 import b64encode
from hashlib import file_digest
from pathlib import Path
from typing import Any

from mesh.deployment import build
from mesh.errors import MeshError

MANIFEST = "manifest.json"


def package(folder: Path) -> dict[str, Any]:
    """Build functions and layers, write their zips and `manifest.json` into a folder; return the manifest.

    It names each package by the logical id of template.yaml: its `file`, `bytes`, `sha256` in hexadecimal,
    and `code_sha256`, the same in base64 as Lambda tells it. What an earlier run has written and this one
    does not name is removed.

    Raises:
        MeshError: the build failed, or the folder holds something else.

    """
    _check(folder)
    build.build(build.fingerprint())
    return write(folder, build.archives(build.built_template()))


def write(folder: Path, archives: list[tuple[str, str, Path]]) -> dict[str, Any]:
    """Copy archives into a folder, each named after its content, with the manifest; return that."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {
        "runtime": build.RUNTIME,
        "architecture": build.architecture(),
        "packages": {},
    }
    for name, _, archive in sorted(archives):
        with archive.open("rb") as content:
            digest = file_digest(content, "sha256")
        file = folder / f"{name}-{digest.hexdigest()[:16]}.zip"
        if not file.exists():
            unfinished = file.with_suffix(".new")
            shutil.copyfile(archive, unfinished)
            unfinished.replace(file)
        manifest["packages"][name] = {
            "file": file.name,
            "bytes": file.stat().st_size,
            "sha256": digest.hexdigest(),
            "code_sha256": b64encode(digest.digest()).decode(),
        }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    named = {each["file"] for each in manifest["packages"].values()}
    for old in folder.glob("*.zip"):
        if old.name not in named:
            old.unlink()
    return manifest


def _check(folder: Path) -> None:
    """MeshError if there is something in the folder that is none of our packages."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise MeshError(f"{folder} is a file. Name a folder.")
    foreign = [each.name for each in folder.iterdir() if each.name != MANIFEST]
    if foreign and not (folder / MANIFEST).exists():
        raise MeshError(f"{folder} holds {min(foreign)}, and no {MANIFEST}. Name a folder of its own.")
