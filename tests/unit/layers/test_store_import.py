"""Many users at once: an outcome for each, in order, and one that cannot be stored holds up no other."""

from collections.abc import Sequence
from itertools import pairwise

import boto3
import pytest
from users.errors import EmailTakenError, UnavailableError
from users.events import UserChanged, parse
from users.model import NewUser, UserPatch
from users.store import Changed, UserStore

from tests import sam
from tests.unit.fakes import DynamoFaults

TENANT = "tenant-a"
CANCELLED = "TransactionCanceledException"


@pytest.fixture
def store(aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch) -> UserStore:
    monkeypatch.setattr("users.store._registered", {TENANT: float("inf")})
    monkeypatch.setattr("users.store.transaction.sleep", lambda _: None)
    return UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)


def news(*names: object) -> list[NewUser]:
    return [NewUser(email=f"{name}@x.dev", name=str(name)) for name in names]


def said(outcomes: Sequence[object]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def created(outcomes: Sequence[object]) -> list[Changed]:
    return [outcome for outcome in outcomes if isinstance(outcome, Changed)]


def test_given_a_hundred_users_when_imported_then_each_is_stored_in_order_with_its_event(
    store: UserStore, aws: DynamoFaults
) -> None:
    outcomes = store.create_all(TENANT, news(*range(100)))
    users = [each.user for each in created(outcomes)]
    assert [user.name for user in users] == [str(number) for number in range(100)]
    assert store.page(TENANT, 100).users == sorted(users, key=lambda user: user.id)
    for each in created(outcomes):
        assert each.event
        event = parse(*each.event.record)
        assert isinstance(event, UserChanged)
        assert (event.id, event.version) == (each.user.id, 1)
    assert aws.requests.count("TransactWriteItems") == 4


def test_given_users_of_one_transaction_when_listed_then_they_come_as_they_were_sent(
    store: UserStore,
) -> None:
    ids = [each.user.id for each in created(store.create_all(TENANT, news(*range(25))))]
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert len(ids) == 25


def test_given_no_users_when_imported_then_dynamodb_is_not_asked(store: UserStore, aws: DynamoFaults) -> None:
    assert store.create_all(TENANT, []) == []
    assert aws.requests == []


def test_given_taken_addresses_when_imported_then_the_others_are_stored(
    store: UserStore, aws: DynamoFaults
) -> None:
    store.create_all(TENANT, news("b", "d"))
    aws.requests.clear()
    outcomes = store.create_all(TENANT, news("a", "B", "c", "D", "e"))
    assert said(outcomes) == ["Changed", "EmailTakenError", "Changed", "EmailTakenError", "Changed"]
    assert aws.requests.count("TransactWriteItems") == 2
    assert len(store.page(TENANT, 100).users) == 5


def test_given_only_taken_addresses_when_imported_then_all_are_taken(store: UserStore) -> None:
    store.create_all(TENANT, news("a", "b"))
    assert said(store.create_all(TENANT, news("a", "b"))) == ["EmailTakenError"] * 2


@pytest.mark.parametrize("apart", [1, 40])
def test_given_an_address_twice_when_imported_then_the_first_has_it(store: UserStore, apart: int) -> None:
    others = news(*range(apart - 1))
    outcomes = store.create_all(TENANT, [*news("ann"), *others, *news("ANN")])
    assert said(outcomes) == ["Changed"] * apart + ["EmailTakenError"]
    assert store.by_email(TENANT, "ann@x.dev") == created(outcomes)[0].user


def test_given_an_address_of_another_tenant_when_imported_then_it_is_free(store: UserStore) -> None:
    store.create_all("tenant-b", news("a"))
    assert said(store.create_all(TENANT, news("a"))) == ["Changed"]


def test_given_one_address_more_is_taken_at_each_try_when_imported_then_the_others_are_stored_all_the_same(
    store: UserStore, aws: DynamoFaults
) -> None:
    """More tries than there are pauses: one that tells who is taken is no conflict."""
    for users in range(21, 1, -1):
        aws.answer(CANCELLED, ["ConditionalCheckFailed", *["None"] * (3 * users - 1)])
    outcomes = store.create_all(TENANT, news(*range(21)))
    assert said(outcomes)[-1] == "Changed"


def test_given_conflicts_when_imported_then_it_is_tried_again(store: UserStore, aws: DynamoFaults) -> None:
    aws.answer(CANCELLED, ["None", "TransactionConflict", *["None"] * 4], times=3)
    assert said(store.create_all(TENANT, news("a", "b"))) == ["Changed"] * 2


def test_given_dynamodb_fails_in_the_middle_when_imported_then_what_was_stored_is_told(
    store: UserStore, aws: DynamoFaults
) -> None:
    def fails(params: dict[str, object], **_: object) -> None:
        aws.down = len([each for each in aws.requests if each == "TransactWriteItems"]) >= 1

    store._client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", fails)
    outcomes = store.create_all(TENANT, [*news(*range(60)), *news(0)])
    assert said(outcomes) == ["Changed"] * 25 + ["UnavailableError"] * 35 + ["EmailTakenError"]
    aws.down = False
    assert len(store.page(TENANT, 100).users) == 25


def test_given_conflicts_of_one_transaction_when_imported_then_the_others_are_stored(
    store: UserStore, aws: DynamoFaults
) -> None:
    aws.answer(CANCELLED, ["TransactionConflict"] * 75, times=9)
    assert said(store.create_all(TENANT, news(*range(40)))) == ["UnavailableError"] * 25 + ["Changed"] * 15


def test_given_names_when_the_import_is_sent_again_then_what_was_stored_is_told_and_the_rest_is_stored(
    store: UserStore,
) -> None:
    names = [f"line-{number}" for number in range(4)]
    first = created(store.create_all(TENANT, news("a", "b"), requests=names[:2]))
    store.create(TENANT, NewUser(email="c@x.dev", name="Another"))
    again = store.create_all(TENANT, news("a", "b", "c", "d"), requests=names)
    assert said(again) == ["Changed", "Changed", "EmailTakenError", "Changed"]
    assert again[:2] == [(each.user, None) for each in first]


def test_given_a_user_that_was_changed_since_when_the_import_is_sent_again_then_it_is_as_it_is_now(
    store: UserStore,
) -> None:
    [first] = created(store.create_all(TENANT, news("a"), requests=["one"]))
    changed = store.update(TENANT, first.user.id, UserPatch(email="A@x.dev", name="New")).user
    assert store.create_all(TENANT, news("a"), requests=["one"]) == [(changed, None)]


def test_given_no_name_when_the_import_is_sent_again_then_all_are_taken(store: UserStore) -> None:
    store.create_all(TENANT, news("a"), requests=["one"])
    [outcome] = store.create_all(TENANT, news("a"))
    assert isinstance(outcome, EmailTakenError)


def test_given_nothing_can_be_stored_when_imported_then_it_is_unavailable(
    store: UserStore, aws: DynamoFaults
) -> None:
    aws.answer(CANCELLED, ["TransactionConflict"] * 6, times=9)
    with pytest.raises(UnavailableError):
        store.create_all(TENANT, [*news("a", "b"), *news("a")])
