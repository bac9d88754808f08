"""Point ids: unsigned 64-bit integers and UUIDs, nothing else."""

from uuid import UUID

from qdrant_client.http import models as m

from qdrant_edge_server.errors import format_error, wrong_input


def point_id(value: m.ExtendedPointId) -> int | UUID:
    """Check an id from a body."""
    parsed = _parse(value)
    if parsed is None:
        raise format_error(
            f"value {value} is not a valid point ID, valid values are either an unsigned integer or a UUID"
        )
    return parsed


def point_id_in_path(text: str) -> int | UUID:
    """Check an id from a URL, where an integer comes as text."""
    parsed = _parse(int(text) if text.isdecimal() else text)
    if parsed is None:
        raise wrong_input(f'Can not recognize "{text}" as point id')
    return parsed


def _parse(value: m.ExtendedPointId) -> int | UUID | None:
    if isinstance(value, int):
        return value if 0 <= value < 2**64 else None
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        return None
