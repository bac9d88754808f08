"""users.store against MiniStack's DynamoDB, with the table that the template describes."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from mesh import build
from mesh.aws import client
from users.errors import EmailTakenError, UnavailableError
from users.model import NewUser
from users.store import UserStore


@pytest.fixture(scope="module")
def store(aws: str, built: None) -> UserStore:
    dynamodb = client("dynamodb", aws)
    table = build.built_template()["Resources"]["UsersTable"]["Properties"]
    names = ("BillingMode", "AttributeDefinitions", "KeySchema")
    dynamodb.create_table(TableName="users", **{name: table[name] for name in names})
    return UserStore(dynamodb, "users")


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid4().hex[:8]}"


def test_created_users_are_listed_page_by_page_oldest_first(store: UserStore, tenant: str) -> None:
    created = [store.create(tenant, NewUser(email=f"u{i}@x.dev", name=f"U {i}")) for i in range(7)]

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

    mine, theirs = store.create(tenant, new), store.create(other, new)

    assert store.page(tenant, 10).users == [mine]
    assert store.page(other, 10).users == [theirs]


def test_a_user_taken_back_can_be_created_again(store: UserStore, tenant: str) -> None:
    new = NewUser(email="again@x.dev", name="Again")
    store.remove(store.create(tenant, new))

    again = store.create(tenant, new)

    assert store.page(tenant, 10).users == [again]
