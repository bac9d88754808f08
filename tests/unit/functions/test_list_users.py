"""GET /users: the tenant's users, page by page. GET /health: nothing is touched."""

from typing import Any

import boto3
import pytest

from tests import sam
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults


@pytest.fixture
def list_users(aws: DynamoFaults, cold_start: ColdStart) -> Function:
    return cold_start("list_users")


def stored(tenant: str, count: int) -> list[str]:
    """Store users, the oldest first, and return their addresses."""
    from users.model import User
    from users.store import UserStore

    emails = [f"user{number}@{tenant}.dev" for number in range(count)]
    store = UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)
    clock = iter(range(1_000, 1_000 + count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "users.store.new_users",
            lambda tenant_id, news: [
                User(
                    **new.model_dump(),
                    id=next(clock),
                    tenant_id=tenant_id,
                    created_at="2026-01-01T00:00:00Z",
                    updated_at="2026-01-01T00:00:00Z",
                    version=1,
                )
                for new in news
            ],
        )
        for email in emails:
            store.create(tenant, _new(email))
    return emails


def _new(email: str) -> Any:
    from users.model import NewUser

    return NewUser(email=email, name="A")


def page(function: Function, tenant: str = "tenant-a", **query: str) -> Any:
    return function.http("GET", "/users", token=f"{tenant}:user-1", query=query)


def emails(answer: Any) -> list[str]:
    return [user["email"] for user in answer.json["users"]]


def test_given_no_users_when_listed_then_the_page_is_empty(list_users: Function) -> None:
    answer = page(list_users)
    assert (answer.status, answer.json) == (200, {"users": [], "nextCursor": None})
    assert answer.headers["x-request-id"]
    assert not answer.is_base64


def test_given_a_user_when_listed_then_it_has_the_form_of_the_design(list_users: Function) -> None:
    stored("tenant-a", 1)
    assert page(list_users).json["users"] == [
        {
            "id": 1000,
            "tenantId": "tenant-a",
            "email": "user0@tenant-a.dev",
            "name": "A",
            "profile": "",
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
            "version": 1,
        }
    ]


def test_given_no_limit_when_listed_then_a_page_has_50_users_oldest_first(list_users: Function) -> None:
    made = stored("tenant-a", 51)
    first = page(list_users)
    assert emails(first) == made[:50]
    assert emails(page(list_users, cursor=first.json["nextCursor"])) == made[50:]


def test_given_a_full_last_page_when_listed_then_there_is_no_next_one(list_users: Function) -> None:
    made = stored("tenant-a", 4)
    first = page(list_users, limit="2")
    second = page(list_users, limit="2", cursor=first.json["nextCursor"])
    assert emails(first) + emails(second) == made
    assert second.json["nextCursor"] is None


def test_given_two_tenants_when_one_lists_then_it_sees_only_its_own(list_users: Function) -> None:
    stored("tenant-a", 1)
    made = stored("tenant-b", 2)
    assert emails(page(list_users, "tenant-b")) == made


def test_given_a_prefix_of_a_tenants_name_when_listed_then_its_users_are_not_seen(
    list_users: Function,
) -> None:
    stored("tenant-a1", 1)
    assert emails(page(list_users, "tenant-a")) == []


@pytest.mark.parametrize("limit", ["1", "100"])
def test_given_a_limit_at_the_edge_when_listed_then_200(list_users: Function, limit: str) -> None:
    assert page(list_users, limit=limit).status == 200


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1.5"])
def test_given_a_bad_limit_when_listed_then_422_names_it(list_users: Function, limit: str) -> None:
    assert page(list_users, limit=limit).problem(422)["errors"][0]["pointer"] == "query.limit"


def test_given_a_cursor_of_another_tenant_when_listed_then_400(list_users: Function) -> None:
    stored("tenant-a", 2)
    stored("tenant-b", 2)
    cursor = page(list_users, "tenant-b", limit="1").json["nextCursor"]
    assert "cursor" in page(list_users, "tenant-a", cursor=cursor).problem(400)["detail"]


@pytest.mark.parametrize("cursor", ["", "garbage", "é", "AAAAAAAAAAAAAAAAAAAAAAAA", "=" * 24, "1000"])
def test_given_a_cursor_that_is_not_ours_when_listed_then_400(list_users: Function, cursor: str) -> None:
    assert page(list_users, cursor=cursor).problem(400)


def test_given_a_cursor_that_is_too_long_when_listed_then_422(list_users: Function) -> None:
    problem = page(list_users, cursor="x" * 257).problem(422)
    assert problem["errors"][0]["pointer"] == "query.cursor"


@pytest.mark.parametrize("email", ["user1@tenant-a.dev", "USER1@Tenant-A.DEV"])
def test_given_an_address_when_asked_for_then_the_page_is_its_user(list_users: Function, email: str) -> None:
    stored("tenant-a", 3)
    answer = page(list_users, email=email)
    assert (emails(answer), answer.json["nextCursor"]) == (["user1@tenant-a.dev"], None)


def test_given_an_address_of_nobody_or_of_another_tenant_when_asked_for_then_the_page_is_empty(
    list_users: Function,
) -> None:
    stored("tenant-b", 1)
    for address in ("user0@tenant-b.dev", "nobody@tenant-a.dev"):
        answer = page(list_users, email=address)
        assert (answer.status, answer.json) == (200, {"users": [], "nextCursor": None})


@pytest.mark.parametrize("email", ["", "user1", "@x.dev", "user1 @x.dev", "a@x.dev.", "a" * 250 + "@x.dev"])
def test_given_what_is_no_address_when_asked_for_then_422_names_it(list_users: Function, email: str) -> None:
    assert page(list_users, email=email).problem(422)["errors"][0]["pointer"] == "query.email"


def test_given_an_address_of_a_special_use_domain_when_asked_for_then_it_is_nobodys(
    list_users: Function,
) -> None:
    """Whether a new user may have one is for those to say who create: users of other times may have one."""
    assert emails(page(list_users, email="ada@corp.local")) == []


def test_given_an_address_when_asked_for_with_a_limit_then_the_limit_does_not_matter(
    list_users: Function,
) -> None:
    stored("tenant-a", 3)
    assert emails(page(list_users, email="user2@tenant-a.dev", limit="1")) == ["user2@tenant-a.dev"]


def test_given_dynamodb_is_down_when_listed_then_503(list_users: Function, aws: DynamoFaults) -> None:
    aws.down = True
    assert page(list_users).problem(503)["detail"] == "The users cannot be listed now. Please try again."


def test_given_everything_is_down_when_asked_for_its_health_then_it_is_ok(
    list_users: Function, aws: DynamoFaults
) -> None:
    aws.down = True
    answer = list_users.http("GET", "/health")
    assert (answer.status, answer.json) == (200, {"status": "OK"})
    assert aws.requests == []
