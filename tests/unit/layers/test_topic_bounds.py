"""How long an older event may come back, by what the topics are configured for."""

from datetime import timedelta

import pytest
from users.operator.bounds import bound

DAY_MS = 24 * 60 * 60 * 1000
EVENTS = {"cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}
DEAD_LETTERS = {"retention.ms": str(14 * DAY_MS), "segment.ms": str(DAY_MS)}


def test_given_the_templates_topics_when_asked_then_it_is_compaction_retention_a_segment_and_a_day() -> None:
    assert bound(EVENTS, DEAD_LETTERS) == timedelta(days=1 + 14 + 1 + 1)


@pytest.mark.parametrize(
    ("events", "dead_letters"),
    [
        ({"cleanup.policy": "delete"}, {}),
        ({"max.compaction.lag.ms": str(2**63 - 1)}, {}),  # Kafka's default
        ({}, {"retention.ms": "-1"}),
        ({}, {"segment.ms": ""}),
    ],
)
def test_given_a_topic_without_a_bound_when_asked_then_there_is_none(
    events: dict[str, str], dead_letters: dict[str, str]
) -> None:
    assert bound(EVENTS | events, DEAD_LETTERS | dead_letters) is None


def test_given_a_broker_that_does_not_say_when_asked_then_there_is_none() -> None:
    assert bound({}, {}) is None
