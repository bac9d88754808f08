"""The topic user.events to Qdrant: a batch is one embedding call and one upsert."""

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest
from mesh import paths
from users.events import user_created

from tests.kafka import delivered
from tests.people import ALICE
from tests.poison import KINDS
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")  # Powertools, when a batch raises

EVENTS = paths.ROOT / "tests" / "events" / "kafka"
COLLECTION = "user_embeddings"


@pytest.fixture
def enrich(
    aws: DynamoFaults, kafka: FakeKafka, qdrant: FakeQdrant, model: FakeModel, cold_start: ColdStart
) -> Function:
    return cold_start("enrich")


def event(name: str) -> dict[str, Any]:
    batch: dict[str, Any] = json.loads((EVENTS / name).read_text(encoding="utf-8"))
    return batch


TWO_PARTITIONS = event("two_partitions.json")
POISON = event("poison_between_good.json")
REASONS = ["not-json", "unknown-type", "tenant-mismatch", "no-key", "wrong-schema"]


def test_given_two_partitions_when_enriched_then_each_user_is_a_point_of_its_tenant(
    enrich: Function, qdrant: FakeQdrant
) -> None:
    enrich.invoke(TWO_PARTITIONS)
    points = qdrant.payloads(COLLECTION)
    assert all("dev" in point.pop("terms").split() for point in points.values())
    assert points == {
        "32df8716-7dd9-55ea-8553-bdc7c80d0eb7": {
            "key": "tenant-a:123",
            "tenantId": "tenant-a",
            "userId": 123,
            "email": "alice@tenant-a.dev",
            "name": "Alice Chen",
            "profile": "machine learning engineer",
            "topics": [],
            "version": 1,
        },
        "cb5044f7-27a0-5579-9a61-8188717da3d8": {
            "key": "tenant-b:123",
            "tenantId": "tenant-b",
            "userId": 123,
            "email": "bob@tenant-b.dev",
            "name": "Bob Okafor",
            "profile": "pastry chef",
            "topics": [],
            "version": 1,
        },
        "ca560dff-9d7b-5aca-a6a1-4a09af3f9613": {
            "key": "tenant-a:124",
            "tenantId": "tenant-a",
            "userId": 124,
            "email": "zoë@tenant-a.dev",
            "name": "Zoë Müller",
            "profile": "Kinderärztin · pediatric nurse",
            "topics": [],
            "version": 1,
        },
    }


def test_given_a_batch_when_enriched_then_it_is_one_embedding_call_and_one_upsert(
    enrich: Function, qdrant: FakeQdrant, model: FakeModel
) -> None:
    enrich.invoke(TWO_PARTITIONS)
    texts, labels = model.calls
    assert "software" in labels
    assert set(texts) == {
        "Alice Chen. machine learning engineer",
        "Bob Okafor. pastry chef",
        "Zoë Müller. Kinderärztin · pediatric nurse",
    }
    assert qdrant.operations().count("upsert") == 1
    assert (enrich.metrics()[-1]["UsersIndexed"], enrich.metrics()[-1]["DeadLetters"]) == ([3], [0])


def test_given_only_good_records_when_enriched_then_kafka_is_not_even_imported(
    enrich: Function, kafka: FakeKafka
) -> None:
    enrich.invoke(TWO_PARTITIONS)
    assert (kafka.connections, "users.publisher" in sys.modules) == (0, False)


def test_given_a_batch_when_delivered_again_then_nothing_changes(
    enrich: Function, qdrant: FakeQdrant
) -> None:
    enrich.invoke(TWO_PARTITIONS)
    once = qdrant.payloads(COLLECTION)
    enrich.invoke(TWO_PARTITIONS)
    assert qdrant.payloads(COLLECTION) == once


def test_given_poison_between_good_records_when_enriched_then_the_good_are_indexed(
    enrich: Function, qdrant: FakeQdrant
) -> None:
    enrich.invoke(POISON)
    assert {point["name"] for point in qdrant.payloads(COLLECTION).values()} == {"Good One", "Good Two"}


def test_given_poison_when_enriched_then_each_is_logged_by_its_place_and_reason(enrich: Function) -> None:
    enrich.invoke(POISON)
    lines = enrich.logs(level="ERROR", message="dead letter sent")
    places = [(line["topic"], line["partition"], line["offset"]) for line in lines]
    assert places == [("user.events", 0, offset) for offset in range(21, 26)]
    assert [line["reason"] for line in lines] == REASONS
    assert all(line["error"] for line in lines)
    assert enrich.metrics()[-1]["DeadLetters"] == [5]


def test_given_poison_when_enriched_then_each_is_in_the_dead_letter_topic_once(
    enrich: Function, kafka: FakeKafka
) -> None:
    enrich.invoke(POISON)
    assert {letter.topic for letter in kafka.records} == {"user.events.dlq"}
    assert [dict(letter.headers)["dlq-offset"] for letter in kafka.records] == [
        b"21",
        b"22",
        b"23",
        b"24",
        b"25",
    ]
    assert [dict(letter.headers)["dlq-reason"].decode() for letter in kafka.records] == REASONS


@pytest.mark.parametrize("step", ["connect", "send", "acknowledge"])
def test_given_a_dead_letter_is_not_acknowledged_when_enriched_then_it_raises_and_the_next_delivery_sends_it(
    enrich: Function, kafka: FakeKafka, qdrant: FakeQdrant, step: Any
) -> None:
    kafka.fails_to = step
    with pytest.raises(Exception, match="Kafka did not acknowledge 5 of 5 dead letters"):
        enrich.invoke(POISON)
    assert enrich.logs(message="dead letter sent") == []
    kafka.fails_to = None
    enrich.invoke(POISON)
    assert len(kafka.records) == 5
    assert len(qdrant.payloads(COLLECTION)) == 2


def test_given_one_dead_letter_is_not_acknowledged_when_enriched_then_it_raises_and_none_is_lost(
    enrich: Function, kafka: FakeKafka
) -> None:
    kafka.refuses = {b"tenant-a:126"}
    with pytest.raises(Exception, match="Kafka did not acknowledge 1 of 5 dead letters"):
        enrich.invoke(POISON)
    kafka.refuses = set()
    enrich.invoke(POISON)
    offsets = [dict(letter.headers)["dlq-offset"] for letter in kafka.records]
    assert set(offsets) == {b"21", b"22", b"23", b"24", b"25"}


def test_given_qdrant_is_down_when_poison_is_enriched_then_no_dead_letter_is_sent_until_the_good_are_in(
    enrich: Function, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    qdrant.down = True
    with pytest.raises(Exception, match="Qdrant did not open the collection"):
        enrich.invoke(POISON)
    assert kafka.records == []
    qdrant.down = False
    enrich.invoke(POISON)
    assert len(kafka.records) == 5


@pytest.mark.parametrize("status", [400, 413, 422])
def test_given_qdrant_refuses_one_user_when_enriched_then_it_is_a_dead_letter_and_the_others_are_indexed(
    enrich: Function, kafka: FakeKafka, qdrant: FakeQdrant, status: int
) -> None:
    qdrant.refuses = {"Bob Okafor": status}
    enrich.invoke(TWO_PARTITIONS)
    assert {point["name"] for point in qdrant.payloads(COLLECTION).values()} == {"Alice Chen", "Zoë Müller"}
    (letter,) = kafka.records
    assert (letter.key, dict(letter.headers)["dlq-reason"]) == (b"tenant-b:123", b"refused")
    metrics = enrich.metrics()[-1]
    assert (metrics["UsersIndexed"], metrics["DeadLetters"]) == ([2], [1])


def test_given_the_provider_refuses_one_text_when_enriched_then_that_user_is_a_dead_letter_of_the_step(
    enrich: Function, kafka: FakeKafka, qdrant: FakeQdrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedding = import_module("vectors.embedding")
    local = import_module("vectors.embedding.local")

    def picky(texts: Sequence[str]) -> list[Any]:
        refused = embedding.Refused("HTTP 400, too long")
        return [
            refused if "Bob" in text else vector for text, vector in zip(texts, takes_all(texts), strict=True)
        ]

    takes_all = local.embed
    monkeypatch.setattr(local, "embed", picky)
    enrich.invoke(TWO_PARTITIONS)
    assert {point["name"] for point in qdrant.payloads(COLLECTION).values()} == {"Alice Chen", "Zoë Müller"}
    (letter,) = kafka.records
    said = {name: value.decode() for name, value in letter.headers}
    assert (letter.key, said["dlq-reason"]) == (b"tenant-b:123", "step-failed")
    assert said["dlq-error"] == "step embedding: HTTP 400, too long"
    metrics = enrich.metrics()[-1]
    assert (metrics["UsersIndexed"], metrics["DeadLetters"]) == ([2], [1])


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_given_qdrant_fails_for_another_reason_when_enriched_then_it_raises(
    enrich: Function, kafka: FakeKafka, qdrant: FakeQdrant, status: int
) -> None:
    qdrant.refuses = {"Bob Okafor": status}
    with pytest.raises(Exception, match="Qdrant did not store the embeddings"):
        enrich.invoke(TWO_PARTITIONS)
    assert kafka.records == []


def test_given_every_kind_of_poison_when_enriched_then_each_is_a_dead_letter_for_its_reason(
    enrich: Function, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    spoilt = [kind.spoil(user_created(ALICE)) for kind in KINDS.values()]
    enrich.invoke(delivered(*spoilt, user_created(ALICE)))
    assert len(qdrant.payloads(COLLECTION)) == 1
    reasons = [dict(letter.headers)["dlq-reason"].decode() for letter in kafka.records]
    assert reasons == [kind.reason for kind in KINDS.values()]
    assert [(letter.key, letter.value) for letter in kafka.records] == [
        (key, value) for key, value, _ in spoilt
    ]


@pytest.mark.parametrize("content", ["Forged", "forged@", "No Key", "no@", "not json", "tenant-b"])
def test_given_poison_when_enriched_then_no_line_has_its_content(enrich: Function, content: str) -> None:
    enrich.invoke(POISON)
    assert not [line for line in enrich.lines() if content in line]


def test_given_only_poison_when_enriched_then_nothing_is_embedded(
    enrich: Function, qdrant: FakeQdrant, model: FakeModel
) -> None:
    (group,) = POISON["records"].values()
    enrich.invoke({**POISON, "records": {"user.events-0": group[1:6]}})
    assert (model.calls, qdrant.requests) == ([], [])
    assert "UsersIndexed" not in enrich.metrics()[-1]


def test_given_an_empty_batch_when_enriched_then_nothing_is_touched(
    enrich: Function, qdrant: FakeQdrant, model: FakeModel
) -> None:
    assert enrich.invoke({**TWO_PARTITIONS, "records": {}}) is None
    assert (model.loaded, qdrant.requests) == ([], [])


def test_given_qdrant_is_down_when_enriched_then_it_raises_and_the_next_delivery_succeeds(
    enrich: Function, qdrant: FakeQdrant
) -> None:
    qdrant.down = True
    with pytest.raises(Exception, match="Qdrant did not open the collection"):
        enrich.invoke(TWO_PARTITIONS)
    qdrant.down = False
    enrich.invoke(TWO_PARTITIONS)
    assert len(qdrant.payloads(COLLECTION)) == 3


def test_given_the_collection_is_lost_when_enriched_then_it_raises_and_the_next_delivery_makes_it_anew(
    enrich: Function, qdrant: FakeQdrant
) -> None:
    enrich.invoke(TWO_PARTITIONS)
    qdrant.lose_data()
    with pytest.raises(Exception, match="Qdrant did not tell the stored versions"):
        enrich.invoke(POISON)
    enrich.invoke(POISON)
    assert len(qdrant.payloads(COLLECTION)) == 2


def test_given_more_poison_than_is_sent_at_once_when_enriched_then_all_of_it_is_sent(
    enrich: Function, kafka: FakeKafka
) -> None:
    spoilt = user_created(ALICE)._replace(value=b"")
    enrich.invoke(delivered(*[spoilt] * 2_500))
    offsets = [int(dict(letter.headers)["dlq-offset"]) for letter in kafka.records]
    assert offsets == list(range(2_500))
    assert len(kafka.producers) == 1


@pytest.mark.parametrize("event", [{}, [], None, "text", {"key1": "value1"}, {"Records": []}], ids=repr)
def test_given_what_is_no_batch_when_invoked_then_it_is_refused_in_a_sentence(
    enrich: Function, event: Any
) -> None:
    with pytest.raises(
        Exception, match=r"^This function takes a batch of Kafka records.*This event is none\.$"
    ):
        enrich.invoke(event)


@pytest.mark.parametrize("event", [{"source": "serverless-plugin-warmup"}, {"warmer": True}], ids=repr)
def test_given_a_warm_up_when_invoked_then_it_is_answered_and_counted(
    enrich: Function, qdrant: FakeQdrant, event: Any
) -> None:
    assert enrich.invoke(event) is None
    assert enrich.metrics()[-1]["WarmUps"] == [1]
    assert qdrant.requests == []
