"""What was found where mappings were looked for, good or bad."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Mapping as EventSourceMapping
from kafka_esm.mappings.mapping import Target, mapping_from_properties

_LOG = logging.getLogger(__name__)


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


def own_groups(found: Sequence[Found]) -> list[Found]:
    """Refuse mappings that share a consumer group with one before them.

    The group's partitions would be divided among them: each would miss, without a word, what another gets.
    """
    checked: list[Found] = []
    for one in found:
        other = next((before for before in checked if _share_group(before.mapping, one.mapping)), None)
        if other is not None and one.mapping is not None:
            error = ConfigurationError(
                f"{other.where} and {one.where} share the consumer group {one.mapping.group}; "
                "give each its own ConsumerGroupId"
            )
            checked.append(Found(one.where, error=error))
        else:
            checked.append(one)
    return checked


def _share_group(one: EventSourceMapping | None, other: EventSourceMapping | None) -> bool:
    return (
        one is not None
        and other is not None
        and one.enabled
        and other.enabled
        and one.group == other.group
        # A cluster may be named by any of its brokers.
        and (
            not set(one.bootstrap_servers).isdisjoint(other.bootstrap_servers)
            or (one.event_source_arn is not None and one.event_source_arn == other.event_source_arn)
        )
    )


def good(found: Sequence[Found], said: set[str]) -> list[EventSourceMapping]:
    """Return the mappings that can be polled; log why the others cannot, unless it was `said` before."""
    errors = {str(one.error) for one in found if one.error is not None}
    for text in sorted(errors - said):
        _LOG.error("mapping cannot be polled: %s", text)
    said.clear()
    said.update(errors)
    return [one.mapping for one in found if one.mapping is not None]


def accepted(found: Sequence[Found]) -> list[EventSourceMapping]:
    """Return the mappings.

    Raises:
        ConfigurationError: one of them cannot be polled.

    """
    for one in found:
        if one.error is not None:
            raise one.error
    return [one.mapping for one in found if one.mapping is not None]
