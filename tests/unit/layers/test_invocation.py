"""A batch of Kafka records is read, a warm-up is known for one, any other event is refused in a sentence."""

import json
from typing import Any

import pytest
from mesh import paths
from tenant_auth.http import gateway
from users.consumer.invocation import WrongEventError, batch, is_warm_up

BATCHES = sorted((paths.ROOT / "tests" / "events" / "kafka").glob("*.json"))
WARM_UPS = [
    {"source": "serverless-plugin-warmup"},
    {"warmer": True, "concurrency": 3},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
]
OTHERS: list[Any] = [
    {},
    [],
    None,
    "text",
    {"warmer": "true"},
    {"source": ["aws.events"]},
    {"key1": "value1"},
    {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
    {"eventSource": "aws:sqs", "records": {}},
    {"eventSource": "SelfManagedKafka"},
    {"eventSource": "SelfManagedKafka", "records": [{}]},
    {"eventSource": "SelfManagedKafka", "records": {"user.events-0": [{"value": "e30="}]}},
    {"eventSource": "SelfManagedKafka", "records": {"user.events-0": None}},
    {"httpMethod": "GET", "path": "/users"},
]


@pytest.mark.parametrize("path", BATCHES, ids=lambda path: path.stem)
def test_given_a_batch_when_read_then_every_record_is_there_in_order(path: Any) -> None:
    event = json.loads(path.read_text())
    places = [(each.topic, each.partition, each.offset) for each in batch(event)]
    assert places == [
        (record["topic"], record["partition"], record["offset"])
        for partition in event["records"].values()
        for record in partition
    ]
    assert places


@pytest.mark.parametrize("event", [*OTHERS, *WARM_UPS], ids=repr)
def test_given_another_event_when_read_then_it_is_refused_in_one_sentence(event: Any) -> None:
    with pytest.raises(WrongEventError, match="takes a batch of Kafka records"):
        batch(event)


@pytest.mark.parametrize("event", [*OTHERS, *WARM_UPS], ids=repr)
def test_given_an_event_when_asked_then_both_layers_know_the_same_warm_ups(event: Any) -> None:
    assert is_warm_up(event) == gateway.is_warm_up(event) == (event in WARM_UPS)
