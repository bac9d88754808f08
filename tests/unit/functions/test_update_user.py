"""PATCH /users/{id}: a JSON merge patch (RFC 7396), on the version that the client expects."""

import json
from typing import Any

import pytest

from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka
from tests.unit.functions.test_create_user import listed, outbox
from tests.unit.functions.test_list_users import stored

ID = 1000  # of the first user whom `stored` stores; 1001 is another


@pytest.fixture
def update_user(aws: DynamoFaults, kafka: FakeKafka, cold_start: ColdStart) -> Function:
    function = cold_start("update_user")
    stored("tenant-a", 2)
    return function


def update(
    function: Function, patch: Any = None, user_id: object = ID, tenant: str = "tenant-a", **parts: Any
) -> Any:
    sent = parts if "body" in parts else {"json": patch, **parts}
    return function.http("PATCH", f"/users/{user_id}", route="/users/{id}", token=f"{tenant}:user-1", **sent)


def merge_patch(body: str, media_type: str = "application/merge-patch+json") -> dict[str, Any]:
    return {"body": body, "headers": {"Content-Type": media_type}}


def test_given_a_patch_when_sent_then_what_it_names_is_changed_and_nothing_else(
    update_user: Function, kafka: FakeKafka
) -> None:
    answer = update(update_user, {"name": "Ada", "profile": "moved to Berlin"})
    assert answer.status == 200
    user = answer.json
    assert (user["id"], user["email"], user["version"]) == (ID, "user0@tenant-a.dev", 2)
    assert (user["name"], user["profile"]) == ("Ada", "moved to Berlin")
    assert user["createdAt"] < user["updatedAt"]
    assert answer.headers["etag"] == '"2"'
    event = json.loads(kafka.records[-1].value or b"")
    assert dict(kafka.records[-1].headers)["ce_type"] == b"user.updated"
    assert event == {name: user[name] for name in user if name not in ("createdAt", "updatedAt")}
    assert len(outbox()) == 2  # what `stored` left there


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json; charset=utf-8"])
def test_given_a_media_type_of_a_merge_patch_when_sent_then_200(
    update_user: Function, media_type: str
) -> None:
    assert update(update_user, **merge_patch('{"name":"Ada"}', media_type)).status == 200


@pytest.mark.parametrize(
    "media_type", ["application/json-patch+json", "application/vnd.api+json", "text/plain"]
)
def test_given_another_kind_of_patch_when_sent_then_415_names_those_that_are_taken(
    update_user: Function, media_type: str
) -> None:
    body = '[{"op":"replace","path":"/name","value":"Ada"}]'
    detail = update(update_user, **merge_patch(body, media_type)).problem(415)["detail"]
    assert "application/merge-patch+json or application/json" in detail


def test_given_null_for_the_profile_when_sent_then_it_is_removed(update_user: Function) -> None:
    update(update_user, {"profile": "bakes bread"})
    assert update(update_user, {"profile": None}).json["profile"] == ""


@pytest.mark.parametrize("patch", [{}, {"name": "A"}, {"profile": None}, {"email": "user0@tenant-a.dev"}])
def test_given_a_patch_that_changes_nothing_when_sent_then_the_version_stays_and_there_is_no_event(
    update_user: Function, kafka: FakeKafka, patch: dict[str, Any]
) -> None:
    answer = update(update_user, patch)
    assert (answer.status, answer.json["version"], answer.headers["etag"]) == (200, 1, '"1"')
    assert kafka.records == []


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"name": None}, "body.name"),  # what clients send that write every field they do not know
        ({"email": None}, "body.email"),
        ({"name": " "}, "body.name"),
        ({"email": "ada@corp.local"}, "body.email"),
        ({"profile": {"text": "x"}}, "body.profile"),
        ({"id": 5}, "body.id"),
        ({"tenantId": "tenant-b"}, "body.tenantId"),
        ({"version": 1}, "body.version"),
        ({"createdAt": "2026-01-01T00:00:00Z"}, "body.createdAt"),
    ],
)
def test_given_a_wrong_field_when_sent_then_422_names_it_and_nothing_is_changed(
    update_user: Function, kafka: FakeKafka, patch: dict[str, Any], pointer: str
) -> None:
    problem = update(update_user, {"profile": "new", **patch}).problem(422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert kafka.records == []


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 422), ("{", 400), ("[]", 422), ("null", 422), ('"Ada"', 422), ("[" * 30_000, 400)],
)
def test_given_a_body_that_is_no_patch_when_sent_then_it_is_a_problem(
    update_user: Function, body: str, status: int
) -> None:
    update(update_user, **merge_patch(body)).problem(status)


def test_given_another_users_address_when_sent_then_409_and_the_own_one_in_another_case_is_free(
    update_user: Function,
) -> None:
    detail = update(update_user, {"email": "USER1@tenant-a.dev"}).problem(409)["detail"]
    assert detail == "A user of your tenant has this e-mail address."
    assert update(update_user, {"email": "USER0@tenant-a.dev"}).json["email"] == "USER0@tenant-a.dev"


def test_given_a_new_address_when_changed_then_the_old_one_is_free_and_the_new_one_taken(
    update_user: Function,
) -> None:
    update(update_user, {"email": "ada@tenant-a.dev"})
    update(update_user, {"email": "Ada@tenant-a.dev"}, ID + 1).problem(409)
    assert update(update_user, {"email": "user0@tenant-a.dev"}, ID + 1).status == 200


def test_given_another_tenants_user_when_changed_then_the_answer_is_that_for_nobody(
    update_user: Function, cold_start: ColdStart
) -> None:
    theirs = update(update_user, {"email": "x@x.dev"}, tenant="tenant-b")
    nobody = update(update_user, {"email": "x@x.dev"}, ID + 7)
    assert theirs.problem(404)["detail"] == "Your tenant has no user with this id."
    assert theirs.body == nobody.body
    assert listed(cold_start) == ["user0@tenant-a.dev", "user1@tenant-a.dev"]


@pytest.mark.parametrize("tags", ['"1"', '"7", "1"', "*"])
def test_given_the_version_that_the_client_expects_when_changed_then_200(
    update_user: Function, tags: str
) -> None:
    assert update(update_user, {"name": "Ada"}, headers={"If-Match": tags}).status == 200


@pytest.mark.parametrize("tags", ['"2"', 'W/"1"', '"1-gzip"', '""'])
def test_given_another_version_when_changed_then_412_and_nothing_is_changed(
    update_user: Function, kafka: FakeKafka, tags: str
) -> None:
    problem = update(update_user, {"name": "Ada"}, headers={"If-Match": tags}).problem(412)
    assert problem["title"] == "Precondition Failed"
    assert "Read it again" in problem["detail"]
    assert kafka.records == []


def test_given_two_clients_that_read_the_same_version_when_both_change_then_the_second_is_told(
    update_user: Function,
) -> None:
    first, second = (
        update(update_user, {"name": name}, headers={"If-Match": '"1"'}) for name in ("Ada", "Eve")
    )
    assert (first.status, second.status) == (200, 412)
    again = update(update_user, {"name": "Eve"}, headers={"If-Match": first.headers["etag"]})
    assert (again.json["name"], again.headers["etag"]) == ("Eve", '"3"')


@pytest.mark.parametrize("tags", ["1", "", '"1', '*, "1"'])
def test_given_if_match_that_is_no_tag_when_changed_then_400_says_how_it_is_written(
    update_user: Function, tags: str
) -> None:
    detail = update(update_user, {"name": "Ada"}, headers={"If-Match": tags}).problem(400)["detail"]
    assert 'such as "3"' in detail


def test_given_nobody_when_changed_with_any_tag_then_404_and_not_412(update_user: Function) -> None:
    update(update_user, {"name": "Ada"}, ID + 7, headers={"If-Match": '"1"'}).problem(404)


def test_given_what_cannot_be_an_id_when_changed_then_422_names_it(update_user: Function) -> None:
    problem = update(update_user, {"name": "Ada"}, "undefined").problem(422)
    assert [error["pointer"] for error in problem["errors"]] == ["path.id"]


def test_given_a_traceparent_when_changed_then_the_event_carries_it(
    update_user: Function, kafka: FakeKafka
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    update(update_user, {"name": "Ada"}, headers={"traceparent": parent})
    assert dict(kafka.records[0].headers)["traceparent"] == parent.encode()


def test_given_kafka_fails_when_changed_then_200_and_the_event_stays_in_the_outbox(
    update_user: Function, kafka: FakeKafka
) -> None:
    kafka.fails_to = "acknowledge"
    waiting = len(outbox())
    assert update(update_user, {"name": "Ada"}).status == 200
    assert len(outbox()) == waiting + 1
    assert update_user.metrics()[-1]["EventsLeftToRelay"] == [1]


def test_given_dynamodb_is_down_when_changed_then_503_and_no_event(
    update_user: Function, aws: DynamoFaults, kafka: FakeKafka
) -> None:
    aws.down = True
    assert update(update_user, {"name": "Ada"}).problem(503)
    assert kafka.records == []
