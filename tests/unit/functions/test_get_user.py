"""GET /users/{id}: one user, and which version of it."""

from typing import Any

import pytest

from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults
from tests.unit.functions.test_every_http_function import NO_INTEGERS
from tests.unit.functions.test_list_users import stored

ID = 1000  # of the first user whom `stored` stores


@pytest.fixture
def get_user(aws: DynamoFaults, cold_start: ColdStart) -> Function:
    function = cold_start("get_user")
    stored("tenant-a", 1)
    return function


def get(function: Function, user_id: object = ID, tenant: str = "tenant-a", **headers: str) -> Any:
    path = f"/users/{user_id}"
    return function.http("GET", path, route="/users/{id}", token=f"{tenant}:user-1", headers=headers)


def test_given_a_user_when_got_then_it_has_the_form_of_the_design(get_user: Function) -> None:
    answer = get(get_user)
    assert answer.status == 200
    assert answer.json == {
        "id": ID,
        "tenantId": "tenant-a",
        "email": "user0@tenant-a.dev",
        "name": "A",
        "profile": "",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "version": 1,
    }
    assert answer.headers["etag"] == '"1"'


def test_given_another_tenants_user_when_got_then_the_answer_is_that_for_nobody(get_user: Function) -> None:
    theirs, nobody = get(get_user, tenant="tenant-b"), get(get_user, ID + 1)
    assert theirs.problem(404)["detail"] == "Your tenant has no user with this id."
    assert (theirs.body, theirs.headers.keys()) == (nobody.body, nobody.headers.keys())


@pytest.mark.parametrize("user_id", [1, 2**53 - 1])
def test_given_an_id_at_the_edge_when_got_then_404(get_user: Function, user_id: int) -> None:
    get(get_user, user_id).problem(404)


@pytest.mark.parametrize(
    "user_id", [0, -1, 2**53, "undefined", "me", *(each for each in NO_INTEGERS if each and "\n" not in each)]
)
def test_given_what_cannot_be_an_id_when_got_then_422_names_it(get_user: Function, user_id: object) -> None:
    problem = get(get_user, user_id).problem(422)
    assert [error["pointer"] for error in problem["errors"]] == ["path.id"]


@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_given_a_client_that_has_the_version_when_got_then_304_without_a_body(
    get_user: Function, tags: str
) -> None:
    answer = get(get_user, **{"If-None-Match": tags})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, "", '"1"')
    assert not answer.is_base64
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("tags", ['"2"', '"11"', "1", ""])
def test_given_a_client_that_has_another_version_or_none_when_got_then_200(
    get_user: Function, tags: str
) -> None:
    assert get(get_user, **{"If-None-Match": tags}).status == 200


def test_given_nobody_when_got_with_any_tag_then_404(get_user: Function) -> None:
    get(get_user, ID + 1, **{"If-None-Match": "*"}).problem(404)


def test_given_dynamodb_is_down_when_got_then_503(get_user: Function, aws: DynamoFaults) -> None:
    aws.down = True
    assert get(get_user).problem(503)["detail"] == "The user cannot be read now. Please try again."


def test_given_a_user_when_got_then_one_item_is_read(get_user: Function, aws: DynamoFaults) -> None:
    aws.requests.clear()
    get(get_user)
    assert aws.requests == ["UpdateItem", "GetItem"]  # the rate limit, and the user
