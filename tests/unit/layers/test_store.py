"""The store on a table made from template.yaml: one transaction a user, one query a page."""

from itertools import pairwise
from random import SystemRandom
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from users.errors import EmailTakenError, InvalidCursorError, UnavailableError
from users.model import NewUser
from users.store import UserStore

from tests import sam
from tests.unit.fakes import DynamoFaults

ALICE = NewUser(email="Alice@tenant-a.dev", name="Alice", profile="bakes")
CANCELLED = "TransactionCanceledException"


@pytest.fixture
def store(aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch) -> UserStore:
    monkeypatch.setattr("users.store._registered", {})
    return UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is slept, without sleeping."""
    slept: list[float] = []
    monkeypatch.setattr("users.store.transaction.sleep", slept.append)
    return slept


def keys() -> list[tuple[str, str]]:
    items = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    return sorted((item["pk"]["S"], item["sk"]["S"]) for item in items)


def create(store: UserStore, count: int, tenant: str = "tenant-a") -> list[str]:
    return [
        store.create(tenant, NewUser(email=f"u{n}@{tenant}.dev", name="A")).user.email for n in range(count)
    ]


def test_given_a_user_when_created_then_it_its_address_and_its_event_are_under_its_tenant(
    store: UserStore,
) -> None:
    user, event = store.create("tenant-a", ALICE)
    assert event
    assert keys() == [
        ("TENANT#tenant-a", "EMAIL#alice@tenant-a.dev"),
        ("TENANT#tenant-a", f"OUTBOX#{event.id}"),
        ("TENANT#tenant-a", "TENANT"),
        ("TENANT#tenant-a", f"USER#{user.id:016d}"),
    ]


def test_given_a_user_when_created_then_the_page_has_it_as_it_was(store: UserStore) -> None:
    user = store.create("tenant-a", ALICE).user
    assert store.page("tenant-a", 1).users == [user]
    assert (user.email, user.name, user.profile) == (ALICE.email, ALICE.name, ALICE.profile)


def test_given_many_users_when_created_then_their_ids_are_unique(store: UserStore) -> None:
    create(store, 30)
    ids = [user.id for user in store.page("tenant-a", 100).users]
    assert all(0 < earlier < later < 2**53 for earlier, later in pairwise(ids))
    assert len(ids) == 30


@pytest.mark.parametrize("email", ["Alice@tenant-a.dev", "alice@tenant-a.dev", "ALICE@TENANT-A.DEV"])
def test_given_a_taken_address_when_created_then_it_is_refused_and_nothing_is_stored(
    store: UserStore, email: str
) -> None:
    store.create("tenant-a", ALICE)
    before = keys()
    with pytest.raises(EmailTakenError):
        store.create("tenant-a", NewUser(email=email, name="B"))
    assert keys() == before


def test_given_another_tenants_address_when_created_then_it_is_free(store: UserStore) -> None:
    store.create("tenant-a", ALICE)
    assert store.create("tenant-b", ALICE).user.tenant_id == "tenant-b"


def test_given_an_id_that_is_taken_when_created_then_another_one_is_tried(
    store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bits = iter([[7], [7], [8]])
    monkeypatch.setattr("users.model.time", SimpleNamespace(time_ns=lambda: 1_763_800_000_000_000_000))
    monkeypatch.setattr(SystemRandom, "sample", lambda *_: next(bits))
    first = store.create("tenant-a", ALICE).user
    second = store.create("tenant-a", NewUser(email="bob@tenant-a.dev", name="Bob")).user
    assert second.id == first.id + 1
    assert store.page("tenant-a", 5).users == [first, second]


def test_given_a_conflict_of_transactions_when_created_then_it_is_tried_again(
    store: UserStore, aws: DynamoFaults, pauses: list[float]
) -> None:
    aws.answer(CANCELLED, ["TransactionConflict", "None"], times=2)
    store.create("tenant-a", ALICE)
    assert aws.requests == ["PutItem", *["TransactWriteItems"] * 3]
    assert len(pauses) == 2


def test_given_endless_conflicts_when_created_then_it_gives_up_after_two_seconds(
    store: UserStore, aws: DynamoFaults, pauses: list[float]
) -> None:
    aws.answer(CANCELLED, ["TransactionConflict", "None"], times=100)
    with pytest.raises(UnavailableError, match="too many conflicts"):
        store.create("tenant-a", ALICE)
    assert aws.requests.count("TransactWriteItems") == 9
    assert 0.9 < sum(pauses) < 2


@pytest.mark.parametrize(
    "reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
)
@pytest.mark.parametrize("at", range(3))
def test_given_conflicts_for_a_while_when_created_then_they_are_waited_out(
    store: UserStore, aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch, reason: str, at: int
) -> None:
    waited = 0.0

    def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        if waited >= 0.1:
            aws.recover()

    monkeypatch.setattr("users.store.transaction.sleep", sleep)
    reasons = ["None"] * 3
    reasons[at] = reason
    aws.answer(CANCELLED, reasons, times=100)
    user = store.create("tenant-a", ALICE).user
    assert store.page("tenant-a", 9).users == [user]


def test_given_conflicts_when_waited_out_then_no_two_wait_alike(
    store: UserStore, aws: DynamoFaults, pauses: list[float]
) -> None:
    for _ in range(2):
        aws.answer(CANCELLED, ["TransactionConflict", "None"], times=8)
        store.create(f"tenant-{len(pauses)}", ALICE)
    assert pauses[:8] != pauses[8:]


def test_given_a_transaction_whose_answer_was_lost_when_created_then_the_very_same_is_sent_again(
    store: UserStore, aws: DynamoFaults, pauses: list[float]
) -> None:
    sent: list[dict[str, Any]] = []
    store._client.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems", lambda params, **_: sent.append(params)
    )
    store.create("tenant-a", NewUser(email="first@x.dev", name="A"))
    aws.answer("TransactionInProgressException", times=2)
    user = store.create("tenant-a", ALICE).user
    assert sent[1] == sent[2] == sent[3]
    assert len({params["ClientRequestToken"] for params in sent}) == 2
    assert user in store.page("tenant-a", 9).users


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_given_a_transaction_that_can_never_be_when_created_then_it_is_not_tried_again(
    store: UserStore, aws: DynamoFaults, reason: str
) -> None:
    aws.answer(CANCELLED, ["None", reason])
    with pytest.raises(UnavailableError):
        store.create("tenant-a", ALICE)
    assert aws.requests.count("TransactWriteItems") == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "ResourceNotFoundException"])
def test_given_dynamodb_refuses_when_used_then_it_is_unavailable(
    store: UserStore, aws: DynamoFaults, code: str
) -> None:
    for use in (
        lambda: store.create("tenant-a", ALICE),
        lambda: store.page("tenant-a", 1),
        lambda: list(store.tenants()),
    ):
        aws.answer(code)
        with pytest.raises(UnavailableError, match="DynamoDB did not"):
            use()


def test_given_dynamodb_is_down_when_used_then_it_is_unavailable(store: UserStore, aws: DynamoFaults) -> None:
    aws.down = True
    with pytest.raises(UnavailableError):
        store.create("tenant-a", ALICE)
    with pytest.raises(UnavailableError):
        store.page("tenant-a", 1)


def test_given_a_request_that_died_when_sent_again_then_its_user_is_found(store: UserStore) -> None:
    first = store.create("tenant-a", ALICE, request="one")
    assert store.create("tenant-a", ALICE, request="one") == (first.user, None)


@pytest.mark.parametrize(("first", "second"), [("one", "two"), ("one", None), (None, "one"), (None, None)])
def test_given_another_request_when_the_address_is_taken_then_it_is_refused(
    store: UserStore, first: str | None, second: str | None
) -> None:
    store.create("tenant-a", ALICE, request=first)
    with pytest.raises(EmailTakenError):
        store.create("tenant-a", ALICE, request=second)


def test_given_users_of_several_tenants_when_listed_then_each_tenant_is_there_once(store: UserStore) -> None:
    create(store, 2, "tenant-b")
    create(store, 2, "tenant-a")
    assert list(store.tenants()) == ["tenant-a", "tenant-b"]


def test_given_tenants_that_differ_little_when_used_then_each_has_its_own_users(store: UserStore) -> None:
    tenants = ["a", "A", "a.b", "a-b", "a_b", "a" * 128]
    for tenant in tenants:
        assert store.create(tenant, ALICE).user.tenant_id == tenant
    assert [[user.tenant_id for user in store.page(tenant, 9).users] for tenant in tenants] == [
        [tenant] for tenant in tenants
    ]
    assert sorted(store.tenants()) == sorted(tenants)


@pytest.mark.parametrize(("count", "limit", "pages"), [(0, 2, 1), (1, 2, 1), (2, 2, 1), (3, 2, 2), (6, 2, 3)])
def test_given_users_when_paged_through_then_each_is_seen_once_oldest_first(
    store: UserStore, count: int, limit: int, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1_763_800_000_000, 1_763_900_000_000))
    monkeypatch.setattr("users.model.time", SimpleNamespace(time_ns=lambda: next(clock) * 1_000_000))
    made = create(store, count)
    seen: list[Any] = []
    cursor = None
    for page_number in range(pages):
        page = store.page("tenant-a", limit, cursor)
        seen += [user.email for user in page.users]
        cursor = page.next_cursor
        assert (cursor is None) == (page_number == pages - 1)
    assert seen == made


def test_given_two_tenants_when_one_is_paged_through_then_the_other_is_not_seen(store: UserStore) -> None:
    create(store, 3, "tenant-b")
    made = create(store, 1, "tenant-a")
    page = store.page("tenant-a", 1)
    assert [user.email for user in page.users] == made
    assert page.next_cursor is None


def test_given_a_cursor_of_another_tenant_when_paged_then_dynamodb_is_not_asked(
    store: UserStore, aws: DynamoFaults
) -> None:
    create(store, 2, "tenant-b")
    cursor = store.page("tenant-b", 1).next_cursor
    aws.requests.clear()
    with pytest.raises(InvalidCursorError):
        store.page("tenant-a", 1, cursor)
    assert aws.requests == []


def test_given_every_operation_when_used_then_none_is_a_scan(store: UserStore, aws: DynamoFaults) -> None:
    store.create("tenant-a", ALICE, request="one")
    store.create("tenant-a", ALICE, request="one")
    store.page("tenant-a", 50)
    list(store.tenants())
    writes, reads = ["PutItem", "TransactWriteItems", "TransactWriteItems"], ["GetItem", "GetItem"]
    assert aws.requests == [*writes, *reads, "Query", "Query"]


def test_given_a_page_when_queried_then_one_user_more_is_asked_for(aws: DynamoFaults) -> None:
    # DynamoDB, unlike moto, gives a LastEvaluatedKey whenever the limit is reached, at the very end too.
    limits: list[int] = []
    client = boto3.client("dynamodb")
    client.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: limits.append(params["Limit"])
    )
    UserStore(client, sam.TABLE_NAME).page("tenant-a", 2)
    assert limits == [3]
