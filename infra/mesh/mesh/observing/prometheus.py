"""A Prometheus of this machine: where it is, and how it is started for a mesh."""

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from mesh import paths
from mesh.errors import MeshError

FOLDER = paths.INFRA / "observability" / "prometheus"


def find() -> str:
    """Return the program; MeshError says how it is installed."""
    named = os.environ.get("MESH_PROMETHEUS", "prometheus")
    found = shutil.which(named)
    if found is None:
        raise MeshError(
            f"--observe wants Prometheus, and there is no {named!r} here. On Debian and Ubuntu: apt-get "
            "install --no-install-recommends prometheus; on macOS: brew install prometheus. Or name the "
            "program: MESH_PROMETHEUS=/path/to/prometheus"
        )
    return found


def command(port: int, metrics_url: str, folder: Path) -> list[str]:
    """Return how it is started at the port, with its configuration and all that it keeps in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shipped = (FOLDER / "prometheus.yaml").read_text(encoding="utf-8")
    shutil.copy(FOLDER / "rules.yaml", folder)
    configuration = folder / "prometheus.yaml"
    configuration.write_text(shipped.replace("127.0.0.1:9465", urlsplit(metrics_url).netloc))
    return [
        find(),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
