"""The topic user.events to Qdrant: a batch is one embedding call and one upsert."""

import json
from typing import Any

import pytest
from mesh import paths

from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import FakeModel, FakeQdrant

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")  # Powertools, when a batch raises

EVENTS = paths.ROOT / "tests" / "events" / "kafka"
COLLECTION = "user_embeddings"


@pytest.fixture
def enrich(qdrant: FakeQdrant, model: FakeModel, cold_start: ColdStart) -> Function:
    return cold_start("enrich")


def event(name: str) -> dict[str, Any]:
    batch: dict[str, Any] = json.loads((EVENTS / name).read_text(encoding="utf-8"))
    return batch


TWO_PARTITIONS = event("two_partitions.json")
POISON = event("poison_between_good.json")


def test_given_two_partitions_when_enriched_then_each_user_is_a_point_of_its_tenant(
    enrich: Function, qdrant: FakeQdrant
) -> None:
    enrich.invoke(TWO_PARTITIONS)
    assert qdrant.payloads(COLLECTION) == {
        "32df8716-7dd9-55ea-8553-bdc7c80d0eb7": {
            "key": "tenant-a:123",
            "tenantId": "tenant-a",
            "userId": 123,
            "email": "alice@tenant-a.dev",
            "name": "Alice Chen",
            "profile": "machine learning engineer",
        },
        "cb5044f7-27a0-5579-9a61-8188717da3d8": {
            "key": "tenant-b:123",
            "tenantId": "tenant-b",
            "userId": 123,
            "email": "bob@tenant-b.dev",
            "name": "Bob Okafor",
            "profile": "pastry chef",
        },
        "ca560dff-9d7b-5aca-a6a1-4a09af3f9613": {
            "key": "tenant-a:124",
            "tenantId": "tenant-a",
            "userId": 124,
            "email": "zoë@tenant-a.dev",
            "name": "Zoë Müller",
            "profile": "Kinderärztin · pediatric nurse",
        },
    }


def test_given_a_batch_when_enriched_then_it_is_one_embedding_call_and_one_upsert(
    enrich: Function, qdrant: FakeQdrant, model: FakeModel
) -> None:
    enrich.invoke(TWO_PARTITIONS)
    (texts,) = model.calls
    assert texts == [
        "Alice Chen. machine learning engineer",
        "Bob Okafor. pastry chef",
        "Zoë Müller. Kinderärztin · pediatric nurse",
    ]
    assert qdrant.operations().count("upsert") == 1
    assert enrich.metrics()[-1]["UsersIndexed"] == [3]


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
    lines = enrich.logs(level="ERROR", message="poison record passed over")
    places = [(line["topic"], line["partition"], line["offset"]) for line in lines]
    assert places == [("user.events", 0, offset) for offset in range(21, 26)]
    reasons = ["Invalid JSON", "there is no value", "the key is not", "the key is not", "not valid: id"]
    assert all(reason in line["reason"] for reason, line in zip(reasons, lines, strict=True))
    assert enrich.metrics()[-1]["PoisonRecords"] == [1] * 5


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
    assert enrich.metrics()[-1]["UsersIndexed"] == [0]


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
    with pytest.raises(Exception, match="Qdrant did not store the embeddings"):
        enrich.invoke(POISON)
    enrich.invoke(POISON)
    assert len(qdrant.payloads(COLLECTION)) == 2
