"""The topics, on the embedded broker; what a real one does with them: tests/apache_kafka/test_bounds.py."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from mesh import components, process
from mesh.deployment import provision

from tests import sam
from tests.components import mesh_home, running

__all__ = ["mesh_home"]

DEFAULTS = {name: str(rule.get("Default", "")) for name, rule in sam.template()["Parameters"].items()}


@pytest.fixture(scope="module")
def kafka(mesh_home: None) -> Iterator[str]:
    with running(components.start_kafka(process.free_port())) as address:
        yield address


def configuration(kafka: str, topic: str) -> dict[str, str]:
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        [found] = admin.describe_configs([resource], config_filter="all").values()
    return {name: each["value"] for name, each in found[topic].items()}


def test_given_no_topics_when_provisioned_then_each_has_its_bound(kafka: str) -> None:
    provision.create_topics({"bootstrap_servers": [kafka]}, provision.topics(DEFAULTS))
    day = 24 * 60 * 60 * 1000
    assert (
        configuration(kafka, "user.events").items()
        >= {
            "cleanup.policy": "compact",
            "max.compaction.lag.ms": str(day),
        }.items()
    )
    assert (
        configuration(kafka, "user.events.dlq").items()
        >= {
            "cleanup.policy": "delete",
            "retention.ms": str(14 * day),
            "segment.ms": str(day),
            "max.message.bytes": str(8 * 2**20),
        }.items()
    )


def test_given_topics_of_an_older_mesh_when_provisioned_then_they_have_it_too(kafka: str) -> None:
    values = {
        **DEFAULTS,
        "UserEventsTopic": "older",
        "DeadLetterTopic": "older.dlq",
        "DeadLetterRetentionMs": "7",
    }
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.create_topics([NewTopic("older", 1, 1), NewTopic("older.dlq", 1, 1)])

    provision.create_topics({"bootstrap_servers": [kafka]}, provision.topics(values))

    assert configuration(kafka, "older")["cleanup.policy"] == "compact"
    assert configuration(kafka, "older.dlq")["retention.ms"] == "7"
