"""Collections on disk.

    DIR/.lock                               held while a process serves DIR
    DIR/collections/NAME/collection.json    the create request, with later changes
    DIR/collections/NAME/shard/             the engine's files
    DIR/unfinished/                         collections being created or deleted; emptied at start

A collection is built in `unfinished` and moved, so that whatever is in `collections` is complete, and nothing
there is ever deleted by cleaning up.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import qdrant_edge as qe
from qdrant_client.http import models as m

from qdrant_edge_server.errors import ApiError, StartupError, invalid, not_found
from qdrant_edge_server.schema import engine_config

log = logging.getLogger(__name__)

CONFIG = "collection.json"
SHARD = "shard"
MAX_NAME_BYTES = 255
FORBIDDEN_IN_NAMES = '<>:"/\\|?*\0\x1f'


@dataclass
class Collection:
    """An open collection."""

    path: Path
    config: m.CreateCollection
    shard: qe.EdgeShard
    dirty: bool = False


@dataclass
class Storage:
    """An open data folder."""

    path: Path
    collections: dict[str, Collection] = field(default_factory=dict)


@contextmanager
def open_storage(path: Path) -> Iterator[Storage]:
    """Lock a data folder, clean up after a crash, open its collections; flush and close them at the end."""
    try:
        (path / "collections").mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except OSError as error:
        raise StartupError(f"cannot use {path}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(f"{path} is in use by another process") from None
        shutil.rmtree(path / "unfinished", ignore_errors=True)
        storage = Storage(path)
        try:
            for folder in sorted((path / "collections").iterdir()):
                storage.collections[folder.name] = _open_collection(folder)
            yield storage
        finally:
            for collection in storage.collections.values():
                collection.shard.close()


def get_collection(storage: Storage, name: str) -> Collection:
    """Find a collection, or answer as the real server does when there is none."""
    try:
        return storage.collections[name]
    except KeyError:
        raise not_found(f"Collection `{name}` doesn't exist!") from None


def create_collection(storage: Storage, name: str, config: m.CreateCollection) -> None:
    """Create an empty collection."""
    _check_name(name)
    if name in storage.collections:
        raise ApiError(409, f"Wrong input: Collection `{name}` already exists!")
    engine = engine_config(config)
    unfinished = storage.path / "unfinished" / name
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / SHARD).mkdir(parents=True)
    # The engine remembers its paths, so it must not be open while its folder moves.
    qe.EdgeShard.create(str(unfinished / SHARD), engine).close()
    _write_config(unfinished, config)
    folder = storage.path / "collections" / name
    unfinished.rename(folder)
    storage.collections[name] = _open_collection(folder)


def update_collection(collection: Collection, config: m.CreateCollection) -> None:
    """Replace a collection's configuration."""
    _write_config(collection.path, config)
    collection.config = config


def delete_collection(storage: Storage, name: str) -> bool:
    """Delete a collection; tell whether there was one."""
    collection = storage.collections.pop(name, None)
    if collection is None:
        return False
    collection.shard.close()
    unfinished = storage.path / "unfinished" / name
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(exist_ok=True)
    collection.path.rename(unfinished)
    shutil.rmtree(unfinished, ignore_errors=True)
    return True


def apply(collection: Collection, operation: qe.UpdateOperation) -> None:
    """Apply an update; when this returns, it is in the engine's log."""
    # Before the update: one that fails halfway may have changed something too.
    collection.dirty = True
    collection.shard.update(operation)


def flush(storage: Storage) -> None:
    """Write to disk what has changed since the last time."""
    for name, collection in storage.collections.items():
        if collection.dirty:
            try:
                collection.shard.flush()
                collection.dirty = False
            except Exception:  # the engine's only kind; what is not flushed is in the log, so go on serving
                log.exception("cannot flush collection %s, will try again", name)


def _open_collection(folder: Path) -> Collection:
    try:
        config = m.CreateCollection.model_validate_json((folder / CONFIG).read_bytes())
        return Collection(folder, config, qe.EdgeShard.load(str(folder / SHARD)))
    except FileNotFoundError:
        raise StartupError(f"{folder} was not made by qdrant_edge_server: it has no {CONFIG}") from None
    except Exception as error:
        raise StartupError(f"cannot open {folder}: {error}") from error


def _write_config(folder: Path, config: m.CreateCollection) -> None:
    """Write so that a crash leaves the old file or the new one, never half of one."""
    new = folder / f"{CONFIG}.new"
    with new.open("w") as file:
        # Not exclude_none: null is a legal value inside metadata.
        file.write(config.model_dump_json(exclude_unset=True))
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / CONFIG)


def _check_name(name: str) -> None:
    if not 0 < len(name.encode()) <= MAX_NAME_BYTES or name in (".", ".."):
        raise invalid("name", f'value "{name}" invalid, must be from 1 to 255 characters', "path parameters")
    for char in FORBIDDEN_IN_NAMES:
        if char in name:
            raise invalid("name", f'collection name cannot contain "{char}" char', "path parameters")
