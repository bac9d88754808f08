"""Users that change and go: each change is all of it or nothing, and of two at once none is lost."""

from collections.abc import Callable
from itertools import count
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from users.errors import EmailTakenError, NotFoundError, UnavailableError, VersionMismatchError
from users.events import UserChanged, UserDeleted, parse
from users.model import NewUser, User, UserPatch, unique_email
from users.outbox import Event
from users.store import UserStore

from tests import sam
from tests.unit.fakes import DynamoFaults

TENANT = "tenant-a"
ALICE = NewUser(email="Alice@x.dev", name="Alice", profile="bakes")
CANCELLED = "TransactionCanceledException"


@pytest.fixture
def store(aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch) -> UserStore:
    monkeypatch.setattr("users.store._registered", {})
    return new_store()


@pytest.fixture
def alice(store: UserStore) -> User:
    return store.create(TENANT, ALICE).user


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is slept, without sleeping."""
    slept: list[float] = []
    monkeypatch.setattr("users.store.transaction.sleep", slept.append)
    return slept


def new_store() -> UserStore:
    return UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)


def patch(**fields: Any) -> UserPatch:
    return UserPatch.model_validate(fields)


def interleaved(change: Callable[[], object]) -> UserStore:
    """Return a store for whom, before its first transaction, another change comes in between."""
    store = new_store()
    changes = iter([change])

    def between(**_: object) -> None:
        next(changes, lambda: None)()

    store._client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", between)
    return store


def items(tenant: str = TENANT) -> dict[str, dict[str, Any]]:
    """Return the tenant's items by their sort keys, but for the outbox."""
    found = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    own = (item for item in found if item["pk"]["S"] == f"TENANT#{tenant}")
    return {item["sk"]["S"]: item for item in own if not item["sk"]["S"].startswith(("OUTBOX#", "TENANT"))}


def outbox() -> list[str]:
    found = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    return [item["sk"]["S"] for item in found if item["sk"]["S"].startswith("OUTBOX#")]


def announced(event: Event | None) -> UserChanged | UserDeleted:
    """Return what a stored event says; it is in the outbox."""
    assert event
    assert f"OUTBOX#{event.id}" in outbox()
    said = parse(*event.record)
    assert said
    return said


def stored_before_versions(user_id: int, email: str) -> None:
    """Store a user as deployments did that knew no versions."""
    pk = {"S": f"TENANT#{TENANT}"}
    texts = {
        "email": email,
        "name": "Old",
        "profile": "was here",
        "createdAt": "2025-01-01T00:00:00.001000+00:00",
    }
    user = {"id": {"N": str(user_id)}, **{name: {"S": text} for name, text in texts.items()}}
    address = {"userId": {"N": str(user_id)}}
    client = boto3.client("dynamodb")
    for sk, item in ((f"USER#{user_id:016d}", user), (f"EMAIL#{email.lower()}", address)):
        client.put_item(TableName=sam.TABLE_NAME, Item={"pk": pk, "sk": {"S": sk}, **item})


def test_given_a_user_when_read_then_it_is_the_tenants_own(store: UserStore, alice: User) -> None:
    assert store.get(TENANT, alice.id) == alice
    for tenant, user_id in (("tenant-b", alice.id), (TENANT, alice.id + 1)):
        with pytest.raises(NotFoundError):
            store.get(tenant, user_id)


@pytest.mark.parametrize("address", ["Alice@x.dev", "alice@x.dev", "ALICE@X.DEV"])
def test_given_an_address_in_any_case_when_looked_for_then_its_user_is_found(
    store: UserStore, alice: User, address: str
) -> None:
    assert store.by_email(TENANT, address) == alice
    assert store.by_email("tenant-b", address) is None
    assert store.by_email(TENANT, f"not-{address}") is None


def test_given_a_patch_when_applied_then_what_it_does_not_name_stays(store: UserStore, alice: User) -> None:
    user, event = store.update(TENANT, alice.id, patch(name="Alicia"))
    assert user == alice.model_copy(update={"name": "Alicia", "version": 2, "updated_at": user.updated_at})
    assert user.updated_at > alice.updated_at
    assert store.get(TENANT, alice.id) == user
    assert announced(event).model_dump() == user.model_dump(exclude={"created_at", "updated_at"})


def test_given_changes_when_applied_then_each_is_one_version_more(store: UserStore, alice: User) -> None:
    versions = [store.update(TENANT, alice.id, patch(name=f"A{n}")).user.version for n in range(5)]
    assert versions == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "fields", [{}, {"name": "Alice"}, {"email": "Alice@x.dev", "name": " Alice ", "profile": "bakes"}]
)
def test_given_a_patch_that_changes_nothing_when_applied_then_there_is_no_version_and_no_event(
    store: UserStore, aws: DynamoFaults, alice: User, fields: dict[str, Any]
) -> None:
    aws.requests.clear()
    assert store.update(TENANT, alice.id, patch(**fields)) == (alice, None)
    assert aws.requests == ["GetItem"]


def test_given_null_when_applied_then_the_profile_is_gone(store: UserStore, alice: User) -> None:
    assert store.update(TENANT, alice.id, patch(profile=None)).user.profile == ""


def test_given_another_case_of_the_address_when_applied_then_its_item_stays(
    store: UserStore, alice: User
) -> None:
    before = items()["EMAIL#alice@x.dev"]
    user = store.update(TENANT, alice.id, patch(email="ALICE@x.dev")).user
    assert user.email == "ALICE@x.dev"
    assert items().keys() == {"EMAIL#alice@x.dev", f"USER#{alice.id:016d}"}
    assert items()["EMAIL#alice@x.dev"] == before


def test_given_a_new_address_when_applied_then_the_old_one_is_free_again(
    store: UserStore, alice: User
) -> None:
    store.update(TENANT, alice.id, patch(email="a@x.dev"))
    bob = store.create(TENANT, NewUser(email="alice@x.dev", name="Bob")).user
    assert store.by_email(TENANT, "A@x.dev") == store.get(TENANT, alice.id)
    assert store.by_email(TENANT, "alice@x.dev") == bob


def test_given_anothers_address_when_applied_then_it_is_taken_and_nothing_is_changed(
    store: UserStore, alice: User
) -> None:
    store.create(TENANT, NewUser(email="bob@x.dev", name="Bob"))
    before = items(), outbox()
    with pytest.raises(EmailTakenError):
        store.update(TENANT, alice.id, patch(email="BOB@x.dev", name="Alicia"))
    assert (items(), outbox()) == before


def test_given_two_users_when_they_swap_their_addresses_then_each_is_found_by_the_others(
    store: UserStore, alice: User
) -> None:
    bob = store.create(TENANT, NewUser(email="bob@x.dev", name="Bob")).user
    for user_id, email in ((alice.id, "third@x.dev"), (bob.id, "alice@x.dev"), (alice.id, "bob@x.dev")):
        store.update(TENANT, user_id, patch(email=email))
    found = [store.by_email(TENANT, email) for email in ("alice@x.dev", "bob@x.dev", "third@x.dev")]
    assert [user and user.id for user in found] == [bob.id, alice.id, None]
    assert len(items()) == 4


def test_given_an_address_that_is_another_users_by_now_when_given_up_then_it_stays_that_users(
    store: UserStore, alice: User, pauses: list[float]
) -> None:
    """No path of ours leads there: the condition is what makes it so."""
    client = boto3.client("dynamodb")
    item = items()["EMAIL#alice@x.dev"] | {"userId": {"N": "7"}}
    client.put_item(TableName=sam.TABLE_NAME, Item=item)
    with pytest.raises(UnavailableError):
        store.delete(TENANT, alice.id)
    assert items()["EMAIL#alice@x.dev"] == item
    assert store.get(TENANT, alice.id) == alice


def test_given_a_user_when_erased_then_user_and_address_are_gone_and_the_event_names_no_person(
    store: UserStore, alice: User
) -> None:
    event = store.delete(TENANT, alice.id)
    assert items() == {}
    assert announced(event) == UserDeleted.model_validate({"id": alice.id, "tenantId": TENANT, "version": 2})
    assert b"lice" not in (event.record.value or b"")
    with pytest.raises(NotFoundError):
        store.get(TENANT, alice.id)
    assert store.by_email(TENANT, "alice@x.dev") is None
    assert store.create(TENANT, ALICE).user.id != alice.id


def test_given_another_tenants_user_when_changed_then_it_is_not_there(store: UserStore, alice: User) -> None:
    for change in (
        lambda: store.update("tenant-b", alice.id, patch(name="B")),
        lambda: store.delete("tenant-b", alice.id),
        lambda: store.delete(TENANT, alice.id + 1),
    ):
        with pytest.raises(NotFoundError):
            change()
    assert store.get(TENANT, alice.id) == alice


@pytest.mark.parametrize("expected", [frozenset(), {2}, {2, 3}])
def test_given_another_version_when_expected_then_nothing_is_changed(
    store: UserStore, alice: User, expected: frozenset[int]
) -> None:
    before = outbox()
    for change in (
        lambda: store.update(TENANT, alice.id, patch(name="B"), expected),
        lambda: store.update(TENANT, alice.id, patch(), expected),
        lambda: store.delete(TENANT, alice.id, expected),
    ):
        with pytest.raises(VersionMismatchError):
            change()
    assert (store.get(TENANT, alice.id), outbox()) == (alice, before)


def test_given_the_version_when_expected_then_it_is_changed(store: UserStore, alice: User) -> None:
    assert store.update(TENANT, alice.id, patch(name="B"), {1, 7}).user.version == 2
    assert announced(store.delete(TENANT, alice.id, {2})).version == 3


def test_given_two_changes_at_once_when_none_expects_a_version_then_both_are_there(
    store: UserStore, alice: User, pauses: list[float]
) -> None:
    rival = interleaved(lambda: store.update(TENANT, alice.id, patch(profile="sings")))
    user = rival.update(TENANT, alice.id, patch(name="Alicia")).user
    assert (user.name, user.profile, user.version) == ("Alicia", "sings", 3)
    assert store.get(TENANT, alice.id) == user
    assert len(pauses) == 1


def test_given_two_changes_at_once_when_a_version_is_expected_then_the_second_is_refused(
    store: UserStore, alice: User, pauses: list[float]
) -> None:
    rival = interleaved(lambda: store.update(TENANT, alice.id, patch(profile="sings"), {1}))
    with pytest.raises(VersionMismatchError):
        rival.update(TENANT, alice.id, patch(name="Alicia"), {1})
    assert (store.get(TENANT, alice.id).name, len(outbox())) == ("Alice", 2)


def test_given_the_same_change_twice_at_once_when_applied_then_it_is_there_once(
    store: UserStore, alice: User, pauses: list[float]
) -> None:
    rival = interleaved(lambda: store.update(TENANT, alice.id, patch(email="new@x.dev")))
    assert rival.update(TENANT, alice.id, patch(email="new@x.dev")) == (store.get(TENANT, alice.id), None)
    assert store.get(TENANT, alice.id).version == 2


def test_given_an_erasure_in_between_when_changed_then_the_user_does_not_come_back(
    store: UserStore, alice: User, pauses: list[float]
) -> None:
    for change in (
        lambda rival, user: rival.update(TENANT, user.id, patch(email="new@x.dev")),
        lambda rival, user: rival.delete(TENANT, user.id),
    ):
        user = store.by_email(TENANT, ALICE.email) or store.create(TENANT, ALICE).user
        with pytest.raises(NotFoundError):
            change(interleaved(lambda: store.delete(TENANT, user.id)), user)  # noqa: B023 - called at once
        assert items() == {}


def test_given_a_change_in_between_when_erased_then_the_new_address_is_free_too(
    store: UserStore, alice: User, pauses: list[float]
) -> None:
    rival = interleaved(lambda: store.update(TENANT, alice.id, patch(email="new@x.dev")))
    assert announced(rival.delete(TENANT, alice.id)).version == 3
    assert items() == {}


def test_given_a_lost_answer_when_changed_then_the_very_same_transaction_is_sent_again(
    store: UserStore, aws: DynamoFaults, alice: User, pauses: list[float]
) -> None:
    sent: list[dict[str, Any]] = []
    store._client.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems", lambda params, **_: sent.append(params)
    )
    for change in (
        lambda: store.update(TENANT, alice.id, patch(name="B")),
        lambda: store.delete(TENANT, alice.id),
    ):
        aws.answer("TransactionInProgressException", times=2)
        change()
    assert sent[0] == sent[1] == sent[2]
    assert sent[3] == sent[4] == sent[5]
    assert sent[0]["ClientRequestToken"] != sent[3]["ClientRequestToken"]


def test_given_a_change_whose_answer_never_came_when_sent_again_then_it_is_applied_once(
    store: UserStore, alice: User
) -> None:
    store.update(TENANT, alice.id, patch(name="Alicia"))  # nobody heard of it; the relay has its event
    user, event = store.update(TENANT, alice.id, patch(name="Alicia"))
    assert (user.version, event) == (2, None)


@pytest.mark.parametrize(
    "reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
)
def test_given_conflicts_when_changed_then_they_are_waited_out_for_two_seconds(
    store: UserStore, aws: DynamoFaults, alice: User, pauses: list[float], reason: str
) -> None:
    for change in (
        lambda: store.update(TENANT, alice.id, patch(name=f"B{len(pauses)}")),
        lambda: store.delete(TENANT, alice.id),
    ):
        pauses.clear()
        aws.answer(CANCELLED, ["None", reason], times=100)
        with pytest.raises(UnavailableError, match="too many conflicts"):
            change()
        assert 0.9 < sum(pauses) < 2
        aws.recover()
        aws.answer(CANCELLED, ["None", reason], times=2)
        change()


def test_given_conflicts_and_lost_answers_in_turn_when_changed_then_two_seconds_are_all(
    store: UserStore, aws: DynamoFaults, alice: User, pauses: list[float]
) -> None:
    for _ in range(50):
        aws.answer("TransactionInProgressException")
        aws.answer(CANCELLED, ["TransactionConflict"])
    with pytest.raises(UnavailableError, match="too many conflicts"):
        store.update(TENANT, alice.id, patch(name="B"))
    assert sum(pauses) < 2


def test_given_dynamodb_is_down_when_used_then_it_is_unavailable(
    store: UserStore, aws: DynamoFaults, alice: User
) -> None:
    aws.down = True
    for use in (
        lambda: store.get(TENANT, alice.id),
        lambda: store.by_email(TENANT, alice.email),
        lambda: store.update(TENANT, alice.id, patch(name="B")),
        lambda: store.delete(TENANT, alice.id),
        lambda: store.create_all(TENANT, [ALICE]),
    ):
        with pytest.raises(UnavailableError, match="DynamoDB did not"):
            use()


def test_given_a_user_from_before_versions_when_used_then_it_is_version_1(store: UserStore) -> None:
    stored_before_versions(5, "old@x.dev")
    old = store.get(TENANT, 5)
    assert (old.version, old.updated_at) == (1, old.created_at)
    assert store.page(TENANT, 9).users == [store.by_email(TENANT, "OLD@x.dev")] == [old]
    changed = store.update(TENANT, 5, patch(email="new@x.dev"), {1}).user
    assert (changed.version, changed.created_at) == (2, old.created_at)
    assert items().keys() == {"EMAIL#new@x.dev", "USER#0000000000000005"}


def test_given_a_user_from_before_versions_when_it_changes_in_between_then_no_change_is_lost(
    store: UserStore, pauses: list[float]
) -> None:
    stored_before_versions(5, "old@x.dev")
    rival = interleaved(lambda: store.update(TENANT, 5, patch(name="New")))
    assert rival.update(TENANT, 5, patch(profile="P")).user.name == "New"
    stored_before_versions(6, "older@x.dev")
    assert announced(store.delete(TENANT, 6, {1})).version == 2


def test_given_a_user_erased_between_two_pages_when_paged_through_then_no_other_is_hidden_or_repeated(
    store: UserStore,
) -> None:
    outcomes = store.create_all(TENANT, [NewUser(email=f"u{n}@x.dev", name="U") for n in range(6)])
    made = [outcome.user.id for outcome in outcomes if not isinstance(outcome, Exception)]
    first = store.page(TENANT, 2)
    store.delete(TENANT, made[1])  # the one that the cursor names
    store.delete(TENANT, made[2])
    second = store.page(TENANT, 2, first.next_cursor)
    last = store.page(TENANT, 2, second.next_cursor)
    assert [user.id for page in (first, second, last) for user in page.users] == [*made[:2], *made[3:]]


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["ann@x.dev", "ANN@x.dev", "ben@x.dev", "cat@x.dev"]),
        "name": st.sampled_from(["A", "B"]),
        "profile": st.sampled_from([None, "", "P"]),
    },
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "update", "delete"]), st.integers(0, 3), FIELDS), max_size=12
)
tenants = map("tenant-{}".format, count())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
def test_given_any_changes_when_applied_then_the_table_is_what_was_answered(
    store: UserStore, steps: list[tuple[str, int, dict[str, Any]]]
) -> None:
    tenant = next(tenants)
    users: dict[int, User] = {}
    versions: dict[int, list[int]] = {}

    def holder(email: str) -> int | None:
        return next(
            (user.id for user in users.values() if unique_email(user.email) == unique_email(email)), None
        )

    def note(event: Event | None) -> None:
        if event and (said := parse(*event.record)):
            versions.setdefault(said.id, []).append(said.version)

    for step, at, fields in steps:
        user_id = [*users, 404][at] if at < len(users) else 404
        try:
            if step == "create":
                created = store.create(tenant, NewUser(email=fields.get("email", "ann@x.dev"), name="A"))
                users[created.user.id] = created.user
                note(created.event)
            elif step == "update":
                changed = store.update(tenant, user_id, patch(**fields))
                users[user_id] = changed.user
                note(changed.event)
            else:
                note(store.delete(tenant, user_id))
                del users[user_id]
        except NotFoundError:
            assert user_id not in users
        except EmailTakenError:
            assert holder(fields.get("email", "ann@x.dev")) not in (
                None,
                user_id if step == "update" else None,
            )
    assert store.page(tenant, 100).users == sorted(users.values(), key=lambda user: user.id)
    addresses = {
        sk: int(item["userId"]["N"]) for sk, item in items(tenant).items() if sk.startswith("EMAIL#")
    }
    assert addresses == {f"EMAIL#{unique_email(user.email)}": user.id for user in users.values()}
    assert all(told == list(range(1, len(told) + 1)) for told in versions.values())
