"""reindex: what every user is now goes through the topic, page by page, and what was begun can go on."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from tests import sam
from tests.unit import gateway
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeQdrant

COLLECTION = "user_embeddings"


@pytest.fixture
def reindex(
    aws: DynamoFaults,
    kafka: FakeKafka,
    qdrant: FakeQdrant,
    cold_start: ColdStart,
    monkeypatch: pytest.MonkeyPatch,
) -> Function:
    function = cold_start("reindex")
    monkeypatch.setattr(function.module, "_PAGE", 2)
    monkeypatch.setattr(function.module, "longest_life", lambda: timedelta(days=17))
    return function


def store(function: Function) -> Any:
    """Return the store as the function sees it."""
    return function.module.UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)


def create(function: Function, tenant: str, count: int) -> set[bytes]:
    from users.model import NewUser

    users = store(function)
    made = [users.create(tenant, NewUser(email=f"u{n}@x.dev", name="U")).user for n in range(count)]
    return {f"{tenant}:{user.id}".encode() for user in made}


def keys(kafka: FakeKafka) -> list[bytes | None]:
    return [record.key for record in kafka.records]


def run(function: Function, event: dict[str, Any]) -> tuple[int, int]:
    """Invoke the function until it is done; return how many users it has published, in how many goes."""
    published = goes = 0
    following: dict[str, Any] | None = event
    while following is not None:
        answer = function.invoke(following)
        published, goes, following = published + answer["published"], goes + 1, answer["next"]
    return published, goes


def test_given_a_deletion_that_was_lost_when_reindexed_then_it_is_said_again_and_of_nobody_else(
    reindex: Function, kafka: FakeKafka
) -> None:
    from users.events import UserDeleted, parse
    from vectors.index import Entry, user_index

    create(reindex, "tenant-a", 5)
    users = store(reindex).page("tenant-a", 9).users
    entries = [Entry("tenant-a", user.id, user.email, user.name, "", [[1.0] * 384], 1) for user in users]
    strays = [entries[0]._replace(user_id=user_id) for user_id in (1, users[2].id + 1, users[4].id + 1)]
    user_index().write([*entries, *strays, strays[0]._replace(tenant_id="tenant-b")])

    answer = reindex.invoke({"tenant": "tenant-a"})
    assert (answer["published"], answer["erased"]) == (5, 3)
    events = [parse(record.key, record.value, record.headers) for record in kafka.records]
    gone = [event for event in events if isinstance(event, UserDeleted)]
    assert {event.id for event in gone} == {stray.user_id for stray in strays}
    assert {(event.tenant_id, event.version) for event in gone} == {("tenant-a", 2**53 - 1)}


def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.LambdaContext, "get_remaining_time_in_millis", lambda _: 9_000)


@pytest.mark.parametrize("in_a_hurry", [False, True])
def test_given_users_of_several_tenants_when_reindexed_then_each_is_published_once(
    reindex: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch, in_a_hurry: bool
) -> None:
    wanted = create(reindex, "tenant-a", 5) | create(reindex, "tenant-b", 1) | create(reindex, "tenant-c", 2)
    if in_a_hurry:
        no_time(monkeypatch)
    assert run(reindex, {}) == (8, 5 if in_a_hurry else 1)
    assert sorted(keys(kafka)) == sorted(wanted)  # type: ignore[type-var]


def test_given_a_user_who_was_changed_when_reindexed_then_the_event_is_what_the_user_is_now(
    reindex: Function, kafka: FakeKafka
) -> None:
    from users.model import UserPatch

    create(reindex, "tenant-a", 1)
    [user] = store(reindex).page("tenant-a", 1).users
    store(reindex).update("tenant-a", user.id, UserPatch.model_validate({"name": "Now"}))
    reindex.invoke({})
    [record] = kafka.records
    assert dict(record.headers)["ce_type"] == b"user.updated"
    value = json.loads(record.value or b"")
    assert (value["name"], value["version"]) == ("Now", 2)


def test_given_one_tenant_when_reindexed_then_only_its_users_are_published_and_markers_stay(
    reindex: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = create(reindex, "tenant-a", 3)
    create(reindex, "tenant-b", 3)
    monkeypatch.setattr(reindex.module, "longest_life", None)  # nobody asks for it
    no_time(monkeypatch)
    assert run(reindex, {"tenant": "tenant-a"}) == (3, 2)
    assert set(keys(kafka)) == wanted


def test_given_kafka_fails_on_the_way_when_reindexed_then_it_answers_how_far_it_is(
    reindex: Function, kafka: FakeKafka
) -> None:
    first, second = create(reindex, "tenant-a", 2), create(reindex, "tenant-b", 2)
    kafka.refuses = set(second)
    answer = reindex.invoke({})
    assert (answer["published"], answer["next"]) == (2, {"after": {"tenant": "tenant-b"}})
    with pytest.raises(Exception, match="Kafka did not take the users"):
        reindex.invoke(answer["next"])
    kafka.refuses = set()
    assert reindex.invoke(answer["next"])["next"] is None
    assert set(keys(kafka)) == first | second


def test_given_no_tenant_when_reindexed_then_that_is_the_end(reindex: Function, kafka: FakeKafka) -> None:
    assert reindex.invoke({}) == {"published": 0, "erased": 0, "markersRemoved": 0, "next": None}


def test_given_a_tenant_that_left_on_the_way_when_it_goes_on_then_with_the_next_one(
    reindex: Function, kafka: FakeKafka
) -> None:
    wanted = create(reindex, "tenant-c", 1)
    assert reindex.invoke({"after": {"tenant": "tenant-b", "cursor": "of it"}})["published"] == 1
    assert set(keys(kafka)) == wanted


def test_given_an_event_of_another_form_when_invoked_then_it_says_what_is_wrong(reindex: Function) -> None:
    with pytest.raises(Exception, match="tennant"):
        reindex.invoke({"tennant": "tenant-a"})


def marker(function: Function, tenant: str, user_id: int, days_ago: float) -> None:
    """Have a user in the index who was erased some days ago."""
    from time import time

    from vectors.index import Marker

    deleted_at = int((time() - days_ago * 24 * 60 * 60) * 1000)
    function.module.user_index().write([Marker(tenant, user_id, 2, deleted_at)])


def marked(qdrant: FakeQdrant) -> set[int]:
    return {payload["userId"] for payload in qdrant.payloads(COLLECTION).values()}


def test_given_users_erased_long_ago_when_all_is_reindexed_then_nothing_is_known_of_them_any_more(
    reindex: Function, qdrant: FakeQdrant
) -> None:
    for user_id, days in ((1, 30), (2, 17.1), (3, 16.9), (4, 0)):
        marker(reindex, "tenant-a", user_id, days)
    answer = reindex.invoke({})
    assert answer["markersRemoved"] == 2
    assert marked(qdrant) == {3, 4}


@pytest.mark.parametrize("days", [16, 29])
def test_given_an_event_in_the_outbox_when_all_is_reindexed_then_who_was_erased_after_it_stays_marked(
    reindex: Function, qdrant: FakeQdrant, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    from users.outbox import Backlog

    create(reindex, "tenant-a", 1)
    monkeypatch.setattr(reindex.module.Outbox, "backlog", lambda _: Backlog(1, days * 24 * 60 * 60))
    marker(reindex, "tenant-a", 1, 30)
    marker(reindex, "tenant-a", 2, 20)
    reindex.invoke({})
    assert marked(qdrant) == ({2} if days == 29 else set())


def test_given_a_topic_without_a_bound_when_all_is_reindexed_then_markers_stay_and_it_is_said(
    reindex: Function, qdrant: FakeQdrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex.module, "longest_life", lambda: None)
    marker(reindex, "tenant-a", 1, 3000)
    assert reindex.invoke({})["markersRemoved"] == 0
    assert marked(qdrant) == {1}
    assert reindex.logs(level="WARNING", message="markers are kept")
