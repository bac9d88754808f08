"""How far an import has come: kept beside its file, so that it goes on there after an interruption."""

from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mesh import private_files
from mesh.errors import MeshError

_BLOCK = 1024 * 1024


class Place(BaseModel):
    """What is done of a file: all up to a line, with the outcomes in so many bytes of the file of errors."""

    model_config = ConfigDict(extra="forbid")

    digest: str
    tenant: str
    url: str
    line: int = 0
    created: int = 0
    refused: int = 0
    errors_bytes: int = 0


def digest(file: Path) -> str:
    """Return what tells a file from any other."""
    found = sha256()
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def begin(file: Path, tenant: str, url: str) -> Place:
    """Return where to go on, or the beginning; MeshError if it was another import that was interrupted."""
    kept, fresh = _file(file), Place(digest=digest(file), tenant=tenant, url=url)
    if not kept.exists():
        return fresh
    try:
        place = Place.model_validate_json(kept.read_bytes())
    except ValidationError as error:
        raise MeshError(f"{kept} is damaged. Remove it to begin anew.") from error
    anew = f"Remove {kept} to begin anew: who has been created by then is refused as taken."
    if place.digest != fresh.digest:
        raise MeshError(
            f"{file} has changed since its import was interrupted after line {place.line}. {anew}"
        )
    if (place.tenant, place.url) != (tenant, url):
        raise MeshError(f"The import of {file} into {place.tenant} at {place.url} was interrupted. {anew}")
    return place


def keep(file: Path, place: Place) -> None:
    """Remember how far it is."""
    private_files.write(_file(file), place.model_dump_json())


def forget(file: Path) -> None:
    """Have the next import of the file begin at its beginning."""
    _file(file).unlink(missing_ok=True)


def _file(file: Path) -> Path:
    return file.with_name(f"{file.name}.progress.json")
