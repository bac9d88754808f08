"""Layers, unpacked once for all workers. MiniStack unpacks them for each: thousands of files."""

import io
import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import ZipFile

from ministack.services import lambda_svc

_FOLDER = Path(tempfile.gettempdir(), "layers")
_UNPACKING = Lock()


def unpacked(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function's configuration with the variable that names its layers, in place of them."""
    found = [data for layer in config.get("Layers", []) if (data := lambda_svc._resolve_layer_zip(layer))]
    if not found:
        return dict(config)
    variables = config.get("Environment", {}).get("Variables", {})
    folders = os.pathsep.join(str(_folder(data)) for data in found)
    environment = {"Variables": {**variables, "_LAMBDA_LAYERS_DIRS": folders}}
    return {**config, "Layers": [], "Environment": environment}


def _folder(content: bytes) -> Path:
    """Return the folder that holds what is in a zip, which is unpacked if it is not yet."""
    folder = _FOLDER / sha256(content).hexdigest()
    with _UNPACKING:
        if not folder.exists():
            unfinished = folder.with_suffix(".new")
            with ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(unfinished)
            unfinished.rename(folder)
    return folder
