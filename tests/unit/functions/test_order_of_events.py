"""What enrich makes of events that come late, twice or together; any order of them: test_lives.py."""

from typing import NamedTuple

import pytest
from users.events import Record, user_created, user_deleted, user_updated
from users.model import User

from tests.kafka import delivered
from tests.people import somebody
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant

COLLECTION = "user_embeddings"
TOPIC = "user.events"

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


class World(NamedTuple):
    """An enrich function, and what it reads and writes."""

    enrich: Function
    kafka: FakeKafka
    qdrant: FakeQdrant


@pytest.fixture
def world(
    aws: DynamoFaults, kafka: FakeKafka, qdrant: FakeQdrant, model: FakeModel, cold_start: ColdStart
) -> World:
    return World(cold_start("enrich"), kafka, qdrant)


def user(tenant: str, user_id: int, version: int) -> User:
    return somebody(tenant, user_id, version=version, profile=f"of version {version}")


def event(tenant: str, user_id: int, version: int, *, deleted: bool) -> Record:
    if deleted:
        return user_deleted(tenant, user_id, version)
    return (user_created if version == 1 else user_updated)(user(tenant, user_id, version))


def enrich(world: World, records: list[Record]) -> None:
    if records:
        world.enrich.invoke(delivered(*records))


def indexed(world: World) -> dict[tuple[str, int], int]:
    """Return the version of every user that a tenant can find."""
    if not world.qdrant.memory.collection_exists(COLLECTION):
        return {}
    points = world.qdrant.payloads(COLLECTION).values()
    return {(each["tenantId"], each["userId"]): each["version"] for each in points if "tenantId" in each}


def repeated(world: World) -> list[Record]:
    return [Record(sent.key, sent.value, sent.headers) for sent in world.kafka.records if sent.topic == TOPIC]


def test_given_a_user_that_changed_when_both_come_in_one_batch_then_only_the_newest_is_embedded(
    world: World, model: FakeModel
) -> None:
    enrich(world, [event("tenant-a", 1, version, deleted=False) for version in (1, 3, 2)])
    assert [texts for texts in model.calls if "of version" in str(texts)] == [["Alice. of version 3"]]
    assert indexed(world) == {("tenant-a", 1): 3}


def test_given_an_older_event_when_it_comes_late_then_it_is_not_even_embedded(
    world: World, model: FakeModel
) -> None:
    enrich(world, [event("tenant-a", 1, 2, deleted=False)])
    calls = len(model.calls)
    enrich(world, [event("tenant-a", 1, 1, deleted=False)])
    assert indexed(world) == {("tenant-a", 1): 2}
    assert len(model.calls) == calls
    assert world.enrich.metrics()[-1]["EventsLate"] == [1]


def test_given_what_a_batch_does_when_enriched_then_users_deletions_and_late_events_are_counted_apart(
    world: World,
) -> None:
    enrich(world, [event("tenant-a", 1, version, deleted=False) for version in (1, 2)])
    enrich(
        world,
        [
            event("tenant-a", 1, 3, deleted=True),
            event("tenant-a", 2, 1, deleted=False),
            event("tenant-b", 1, 1, deleted=False),
        ],
    )
    enrich(world, [event("tenant-b", 1, 1, deleted=False)])
    counts = [
        [each[name] for name in ("UsersIndexed", "UsersErased", "EventsLate")]
        for each in world.enrich.metrics()
        if "UsersIndexed" in each
    ]
    assert counts == [[[1], [0], [1]], [[2], [1], [0]], [[0], [0], [1]]]


def test_given_the_newest_of_a_user_is_refused_when_enriched_then_that_record_is_the_dead_letter(
    world: World,
) -> None:
    refused = user_updated(user("tenant-a", 1, 3).model_copy(update={"name": "Bob Okafor"}))
    world.qdrant.refuses = {"Bob Okafor": 400}
    batch = [
        event("tenant-a", 1, 2, deleted=False),
        event("tenant-b", 1, 1, deleted=False),
        refused,
        event("tenant-a", 1, 1, deleted=False),
    ]
    enrich(world, batch)
    (letter,) = world.kafka.records
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, letter.value) == ("user.events.dlq", refused.key, refused.value)
    assert (headers["dlq-reason"], headers["dlq-offset"]) == (b"refused", b"2")
    assert indexed(world) == {("tenant-b", 1): 1}


def test_given_a_dead_letter_when_replayed_after_a_newer_version_then_it_changes_nothing(
    world: World,
) -> None:
    old = event("tenant-a", 1, 1, deleted=False)
    world.qdrant.refuses = {"of version 1": 422}
    enrich(world, [old])
    world.qdrant.refuses = {}
    enrich(world, [event("tenant-a", 1, 2, deleted=False)])
    enrich(world, [old])
    assert indexed(world) == {("tenant-a", 1): 2}


def test_given_a_deletion_when_qdrant_refuses_the_others_then_it_is_stored_all_the_same(
    world: World,
) -> None:
    enrich(world, [event("tenant-a", 1, 1, deleted=False)])
    world.qdrant.refuses = {"'email'": 400}  # any user
    enrich(world, [event("tenant-a", 2, 1, deleted=False), event("tenant-a", 1, 2, deleted=True)])
    assert indexed(world) == {}
    (letter,) = world.kafka.records
    assert letter.key == b"tenant-a:2"


def test_given_a_record_from_before_there_were_versions_when_enriched_then_it_is_the_first(
    world: World,
) -> None:
    first = event("tenant-a", 1, 1, deleted=False)
    before = first._replace(value=(first.value or b"").replace(b',"version":1', b""))
    assert b'version":' not in (before.value or b"")
    enrich(world, [event("tenant-a", 1, 2, deleted=False)])
    enrich(world, [before])
    assert indexed(world) == {("tenant-a", 1): 2}


def test_given_a_tombstone_after_a_deletion_when_enriched_then_the_deletion_is_not_repeated(
    world: World,
) -> None:
    gone = event("tenant-a", 1, 2, deleted=True)
    enrich(world, [gone, gone._replace(value=None)])
    enrich(world, [gone._replace(value=None, headers=[])])
    assert (indexed(world), repeated(world)) == ({}, [])


@pytest.mark.parametrize("together", [True, False])
def test_given_an_event_that_comes_after_the_deletion_then_nobody_is_back_and_the_topic_ends_with_it_again(
    world: World, together: bool
) -> None:
    gone, late = event("tenant-a", 1, 2, deleted=True), event("tenant-a", 1, 1, deleted=False)
    for batch in [[gone, late]] if together else [[gone], [late]]:
        enrich(world, batch)
    assert indexed(world) == {}
    (again,) = repeated(world)
    assert (again.key, again.value) == (gone.key, gone.value)
    enrich(world, [again])
    assert len(repeated(world)) == 1


def test_given_a_batch_that_ends_with_the_deletion_when_delivered_twice_then_it_is_not_repeated(
    world: World,
) -> None:
    batch = [event("tenant-a", 1, 1, deleted=False), event("tenant-a", 1, 2, deleted=True)]
    enrich(world, batch)
    enrich(world, batch)
    assert indexed(world) == {}
    assert repeated(world) == []


def test_given_kafka_is_down_when_a_deletion_is_to_be_repeated_then_the_batch_comes_again(
    world: World,
) -> None:
    enrich(world, [event("tenant-a", 1, 2, deleted=True)])
    late = [event("tenant-a", 1, 1, deleted=False)]
    world.kafka.fails_to = "acknowledge"
    with pytest.raises(Exception, match="Kafka did not acknowledge"):
        enrich(world, late)
    world.kafka.fails_to = None
    enrich(world, late)
    assert len(repeated(world)) == 1


def test_given_what_only_newer_readers_know_when_enriched_then_it_is_passed_over_and_counted(
    world: World,
) -> None:
    good = event("tenant-a", 1, 1, deleted=False)
    unknown = good._replace(
        headers=[(name, b"user.merged" if name == "ce_type" else value) for name, value in good.headers]
    )
    enrich(world, [unknown, good._replace(value=None, headers=[]), event("tenant-a", 2, 1, deleted=False)])
    assert indexed(world) == {("tenant-a", 2): 1}
    metrics = world.enrich.metrics()[-1]
    assert (metrics["EventsPassedOver"], metrics["DeadLetters"]) == ([1, 1], [0])
