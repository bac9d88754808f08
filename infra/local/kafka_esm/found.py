"""What was found where mappings were looked for, good or bad."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_esm.errors import ConfigurationError
from kafka_esm.mapping import Mapping as EventSourceMapping
from kafka_esm.mapping import Target, mapping_from_properties


@dataclass(frozen=True, slots=True)
class Found:
    """A mapping, or why it cannot be polled; `where` names it for people."""

    where: str
    mapping: EventSourceMapping | None = None
    error: ConfigurationError | None = None


def check_mapping(
    where: str, target: Callable[[], Target], properties: Callable[[], Mapping[str, Any]]
) -> Found:
    """Check a mapping that was found: its function and its properties, named as SAM names them."""
    try:
        return Found(where, mapping_from_properties(where, target(), properties()))
    except ConfigurationError as exc:
        return Found(where, error=exc)


def accepted(found: Sequence[Found]) -> list[EventSourceMapping]:
    """Return the mappings.

    Raises:
        ConfigurationError: one of them cannot be polled.

    """
    for one in found:
        if one.error is not None:
            raise one.error
    return [one.mapping for one in found if one.mapping is not None]
