"""How long Kafka may hold an event that a newer one has replaced: what its topics are configured for."""

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from users.errors import UnavailableError
from users.kafka_client import access_options
from users.settings import DeadLetterSettings, UserEventsSettings

_SLACK = timedelta(days=1)  # for heartbeats an hour apart, a late broker, a delivery under way, clocks
_REQUEST_MS = 5_000


def longest_life() -> timedelta | None:
    """Return the time after which no copy of an older event comes any more, from anywhere in Kafka.

    An older event may be read again from the topic until it is compacted; it may have become a dead letter by
    then, and be sent again until that expires, with its segment. None if a topic has no bound, or the broker
    does not say. UnavailableError if Kafka does not answer.
    """
    events, dead_letters = UserEventsSettings.read(), DeadLetterSettings.read()
    topics = (events.user_events_topic, dead_letters.dead_letter_topic)
    try:
        with closing(
            KafkaAdminClient(
                **access_options(events), bootstrap_timeout_ms=_REQUEST_MS, request_timeout_ms=_REQUEST_MS
            )
        ) as admin:
            resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
            described = admin.describe_configs(resources, config_filter="all")["topic"]
    except (KafkaError, KeyError) as error:
        raise UnavailableError(f"Kafka does not say how its topics are configured: {error}") from error
    return bound(*(_values(described.get(topic, {})) for topic in topics))


def bound(events: Mapping[str, str], dead_letters: Mapping[str, str]) -> timedelta | None:
    """Return what the configurations of the two topics come to, with some slack; None if one has no bound."""
    parts = [
        events.get("max.compaction.lag.ms") if "compact" in events.get("cleanup.policy", "") else None,
        dead_letters.get("retention.ms"),
        dead_letters.get("segment.ms"),
    ]
    try:
        found = [timedelta(milliseconds=int(part)) for part in parts if part and int(part) >= 0]
        return sum(found, _SLACK) if len(found) == len(parts) else None
    except OverflowError:  # Kafka's word for never is 2^63 - 1
        return None


def _values(described: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: each["value"] for name, each in described.items() if each["value"] is not None}
