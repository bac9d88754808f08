"""Files and folders that only their owner can read."""

import os
from pathlib import Path


def make_folder(path: Path) -> None:
    """Make a folder private, whether it is there or not."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)  # it may have been there


def write(path: Path, text: str) -> None:
    """Write a private file, and all of it or nothing."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
