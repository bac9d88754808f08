"""users.store against MiniStack's DynamoDB, with the table that the template describes."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest
from mesh.clients.aws import client
from mesh.deployment import build
from users.errors import EmailTakenError, NotFoundError, UnavailableError
from users.model import NewUser, UserPatch
from users.outbox import Outbox
from users.store import UserStore

from tests import sam


@pytest.fixture(scope="module")
def store(aws: str, built: None) -> UserStore:
    dynamodb = client("dynamodb", aws)
    table = build.built_template()["Resources"]["UsersTable"]["Properties"]
    dynamodb.create_table(TableName="users", **{name: table[name] for name in sam.TABLE_PROPERTIES})
    return UserStore(dynamodb, "users")


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid4().hex[:8]}"


def test_created_users_are_listed_page_by_page_oldest_first(store: UserStore, tenant: str) -> None:
    created = [store.create(tenant, NewUser(email=f"u{i}@x.dev", name=f"U {i}")).user for i in range(7)]

    first = store.page(tenant, 3)
    second = store.page(tenant, 3, first.next_cursor)
    third = store.page(tenant, 3, second.next_cursor)

    listed = [*first.users, *second.users, *third.users]
    assert sorted(created, key=lambda user: user.id) == listed
    assert third.next_cursor is None


def test_one_of_many_concurrent_creates_with_an_address_wins(store: UserStore, tenant: str) -> None:
    def create(number: int) -> str:
        try:
            store.create(tenant, NewUser(email="Same@x.dev" if number % 2 else "same@X.dev", name="Same"))
        except (EmailTakenError, UnavailableError) as error:
            return type(error).__name__
        return "created"

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(create, range(24)))

    assert outcomes["created"] == 1
    assert len(store.page(tenant, 100).users) == 1


def test_the_same_address_in_two_tenants_is_two_users(store: UserStore, tenant: str) -> None:
    other = f"{tenant}-b"
    new = NewUser(email="same@x.dev", name="Same")

    mine, theirs = store.create(tenant, new).user, store.create(other, new).user

    assert store.page(tenant, 10).users == [mine]
    assert store.page(other, 10).users == [theirs]


def test_tenants_that_differ_little_have_their_own_users(store: UserStore, tenant: str) -> None:
    tenants = [tenant, tenant.upper(), f"{tenant}.b", f"{tenant}_b", tenant.ljust(128, "a")]
    for each in tenants:
        store.create(each, NewUser(email="same@x.dev", name="Same"))

    assert [[user.tenant_id for user in store.page(each, 9).users] for each in tenants] == [
        [each] for each in tenants
    ]


def test_a_request_that_died_after_it_stored_its_user_finds_it_again(store: UserStore, tenant: str) -> None:
    new = NewUser(email="again@x.dev", name="Again")
    first = store.create(tenant, new, request="one")

    assert store.create(tenant, new, request="one") == (first.user, None)
    with pytest.raises(EmailTakenError):
        store.create(tenant, new, request="another")


def test_what_is_stored_waits_in_the_outbox_until_it_is_removed(
    store: UserStore, aws: str, tenant: str
) -> None:
    outbox = Outbox(client("dynamodb", aws), "users")
    before = outbox.backlog().size
    events = [store.create(tenant, NewUser(email=f"o{i}@x.dev", name="O")).event for i in range(30)]

    assert outbox.backlog().size == before + 30
    outbox.remove([event for event in events if event])

    assert outbox.backlog().size == before


def test_the_tenants_of_all_users_are_listed(store: UserStore, tenant: str) -> None:
    store.create(tenant, NewUser(email="a@x.dev", name="A"))

    assert list(store.tenants()).count(tenant) == 1


def test_of_many_concurrent_updates_none_is_lost(store: UserStore, tenant: str) -> None:
    user = store.create(tenant, NewUser(email="many@x.dev", name="Many")).user
    patches = [UserPatch(name="N"), UserPatch(profile="P"), UserPatch(email="e@x.dev")]

    with ThreadPoolExecutor(3) as pool:
        changed = list(pool.map(lambda patch: store.update(tenant, user.id, patch).user, patches))

    now = store.get(tenant, user.id)
    assert (now.name, now.profile, now.email, now.version) == ("N", "P", "e@x.dev", 4)
    assert sorted(each.version for each in changed) == [2, 3, 4]
    assert store.by_email(tenant, "many@x.dev") is None


def test_of_updates_and_an_erasure_at_once_the_erasure_wins_and_the_address_is_free(
    store: UserStore, tenant: str
) -> None:
    user = store.create(tenant, NewUser(email="gone@x.dev", name="Gone")).user

    def update(number: int) -> None:
        with suppress(NotFoundError):
            store.update(tenant, user.id, UserPatch(email=f"gone{number}@x.dev"))

    with ThreadPoolExecutor(4) as pool:
        updates = [pool.submit(update, number) for number in range(3)]
        pool.submit(store.delete, tenant, user.id).result()
        for each in updates:
            each.result()

    assert store.page(tenant, 9).users == []
    emails = ["gone@x.dev", *(f"gone{number}@x.dev" for number in range(3))]
    assert [store.create(tenant, NewUser(email=email, name="New")).user.version for email in emails] == [
        1
    ] * 4


def test_a_hundred_users_are_imported_but_for_those_whose_address_is_taken(
    store: UserStore, tenant: str
) -> None:
    store.create(tenant, NewUser(email="u7@x.dev", name="Seven"))
    news = [NewUser(email=f"U{number}@x.dev", name="U") for number in range(100)]

    outcomes = store.create_all(tenant, news)

    assert [place for place, each in enumerate(outcomes) if isinstance(each, EmailTakenError)] == [7]
    assert len(store.page(tenant, 100).users) == 100
