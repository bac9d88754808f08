"""delete_tenant: a tenant leaves, step by step, and nothing with its name stays in table or index."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from tests import sam
from tests.unit import gateway
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeQdrant

COLLECTION = "user_embeddings"
LEAVING, STAYING = "tenant-a", "tenant-a2"


@pytest.fixture
def function(
    aws: DynamoFaults,
    kafka: FakeKafka,
    qdrant: FakeQdrant,
    cold_start: ColdStart,
    monkeypatch: pytest.MonkeyPatch,
) -> Function:
    function = cold_start("delete_tenant")
    monkeypatch.setattr(function.module, "_PAGE", 2)
    monkeypatch.setattr(sys.modules["users.publisher"].breaker(), "fail_max", 1_000)
    return function


@pytest.fixture
def long_ago(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it be an hour later for the function than for who creates users."""
    monkeypatch.setattr(function.module, "_QUIET", timedelta(hours=-1))


def create(function: Function, tenant: str, count: int) -> None:
    """Have users in table and index, with all else that a tenant leaves there."""
    from users import table
    from users.model import NewUser
    from vectors.index import Entry

    client = boto3.client("dynamodb")
    store = function.module.UserStore(client, sam.TABLE_NAME)
    outbox = function.module.Outbox(client, sam.TABLE_NAME)
    for number in range(count):
        user, event = store.create(tenant, NewUser(email=f"u{number}@x.dev", name="U"))
        outbox.remove([event])
        vector = [1.0] + [0.0] * 383
        entry = Entry(tenant, user.id, user.email, user.name, user.profile, [vector], user.version)
        function.module.user_index().write([entry])
    for sk in ("RATE#create_user", *(f"IDEMPOTENCY#{number}" for number in range(60))):
        client.put_item(TableName=sam.TABLE_NAME, Item=table.key(tenant, sk))


def index_deletions(function: Function, kafka: FakeKafka) -> None:
    """Do what enrich does with events of users that are gone."""
    from users.events import UserDeleted, parse
    from vectors.index import Marker

    for record in kafka.records:
        event = parse(record.key, record.value, record.headers)
        assert isinstance(event, UserDeleted)
        function.module.user_index().write([Marker(event.tenant_id, event.id, event.version, 1)])
    kafka.records.clear()


def left(qdrant: FakeQdrant, tenant: str) -> tuple[int, int]:
    """Return how many items and points name a tenant."""
    items = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    points = qdrant.payloads(COLLECTION).values()
    named = f"TENANT#{tenant}"
    return (
        sum(item["pk"]["S"] == named for item in items),
        sum(tenant in (payload.get("tenantId"), payload.get("deletedFrom")) for payload in points),
    )


def run(function: Function, event: dict[str, Any], between: Callable[[], None]) -> list[dict[str, Any]]:
    """Invoke the function until it is done; return all that it answered."""
    answers = [function.invoke(event)]
    while answers[-1]["next"]:
        between()
        answers.append(function.invoke(answers[-1]["next"]))
        assert len(answers) < 50
    return answers


@pytest.mark.usefixtures("long_ago")
@pytest.mark.parametrize("in_a_hurry", [False, True])
def test_given_a_tenant_that_left_when_deleted_then_nothing_of_it_is_left_and_all_of_another(
    function: Function,
    kafka: FakeKafka,
    qdrant: FakeQdrant,
    monkeypatch: pytest.MonkeyPatch,
    in_a_hurry: bool,
) -> None:
    create(function, LEAVING, 5)
    create(function, STAYING, 2)
    before = left(qdrant, STAYING)
    if in_a_hurry:
        times = iter([25_000, 9_000] * 100)  # a page each time
        monkeypatch.setattr(gateway.LambdaContext, "get_remaining_time_in_millis", lambda _: next(times))
    answers = run(function, {"tenant": LEAVING}, lambda: index_deletions(function, kafka))
    assert sum(answer["users"] for answer in answers) == 5
    assert sum(answer["items"] for answer in answers) == 62  # 61, and the tenant itself
    assert answers[-1]["points"] == 5
    assert (len(answers) > 3) == in_a_hurry
    assert left(qdrant, LEAVING) == (0, 0)
    assert left(qdrant, STAYING) == before


@pytest.mark.usefixtures("long_ago")
def test_given_deletions_that_are_not_indexed_when_deleted_then_the_index_keeps_what_guards_them(
    function: Function, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    create(function, LEAVING, 3)
    first = function.invoke({"tenant": LEAVING})
    assert (first["users"], first["waiting"]) == (3, 3)
    assert function.invoke(first["next"])["waiting"] == 3
    assert left(qdrant, LEAVING)[1] == 3
    index_deletions(function, kafka)
    assert function.invoke(first["next"])["next"] is None


@pytest.mark.usefixtures("long_ago")
def test_given_kafka_is_down_when_deleted_then_it_waits_for_the_relay(
    function: Function, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    create(function, LEAVING, 2)
    kafka.fails_to = "connect"
    answer = function.invoke({"tenant": LEAVING})
    assert (answer["users"], answer["waiting"]) == (2, 2)
    assert left(qdrant, LEAVING)[1] == 2


def test_given_a_tenant_that_creates_when_deleted_then_it_is_refused_and_all_is_there(
    function: Function, qdrant: FakeQdrant
) -> None:
    create(function, LEAVING, 2)
    before = left(qdrant, LEAVING)
    answer = function.invoke({"tenant": LEAVING})
    assert answer["refused"].startswith("It created a user ")
    assert answer["next"] is None
    assert left(qdrant, LEAVING) == before


@pytest.mark.usefixtures("long_ago")
def test_given_events_that_kafka_has_yet_to_get_when_deleted_then_it_is_refused(function: Function) -> None:
    from users.model import NewUser

    client = boto3.client("dynamodb")
    function.module.UserStore(client, sam.TABLE_NAME).create(LEAVING, NewUser(email="a@x.dev", name="A"))
    assert "has yet to get 1 of its events" in function.invoke({"tenant": LEAVING})["refused"]


def test_given_force_when_deleted_then_neither_its_users_age_nor_its_events_matter(
    function: Function, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    create(function, LEAVING, 3)
    kafka.fails_to = "connect"
    answers = run(function, {"tenant": LEAVING, "force": True}, lambda: None)
    assert sum(answer["users"] for answer in answers) == 3
    assert left(qdrant, LEAVING) == (0, 0)


@pytest.mark.usefixtures("long_ago")
def test_given_a_tenant_that_was_deleted_when_deleted_again_then_that_is_no_error(
    function: Function, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    create(function, LEAVING, 1)
    run(function, {"tenant": LEAVING}, lambda: index_deletions(function, kafka))
    again = function.invoke({"tenant": LEAVING})
    assert (again["users"], again["points"], again["next"]) == (0, 0, None)


@pytest.mark.usefixtures("long_ago")
def test_given_a_tenant_that_comes_back_when_it_creates_then_it_is_in_the_list_of_tenants_again(
    function: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An execution environment that knew it forgets it sooner than a tenant may be deleted."""
    store = function.module.UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)
    create(function, LEAVING, 1)
    run(function, {"tenant": LEAVING}, lambda: index_deletions(function, kafka))
    assert list(store.tenants()) == []
    from users import store as store_module

    later = store_module.monotonic() + 600
    monkeypatch.setattr(store_module, "monotonic", lambda: later)
    create(function, LEAVING, 1)
    assert list(store.tenants()) == [LEAVING]


@pytest.mark.parametrize("tenant", ["", "a b", "TENANT#x", None])
def test_given_a_name_that_no_tenant_can_have_when_invoked_then_it_is_refused(
    function: Function, tenant: str | None
) -> None:
    with pytest.raises(Exception, match="tenant"):
        function.invoke({"tenant": tenant})
