"""DELETE /users/{id}: the user is gone, and so is the address."""

import json
from typing import Any

import boto3
import pytest

from tests import sam
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka
from tests.unit.functions.test_create_user import listed, outbox
from tests.unit.functions.test_list_users import stored

ID = 1000  # of the first user whom `stored` stores


@pytest.fixture
def delete_user(aws: DynamoFaults, kafka: FakeKafka, cold_start: ColdStart) -> Function:
    function = cold_start("delete_user")
    stored("tenant-a", 2)
    return function


def delete(function: Function, user_id: object = ID, tenant: str = "tenant-a", **headers: str) -> Any:
    path = f"/users/{user_id}"
    return function.http("DELETE", path, route="/users/{id}", token=f"{tenant}:user-1", headers=headers)


def test_given_a_user_when_deleted_then_204_and_the_event_says_nothing_about_the_person(
    delete_user: Function, kafka: FakeKafka, cold_start: ColdStart
) -> None:
    answer = delete(delete_user)
    assert (answer.status, answer.body, answer.is_base64) == (204, "", False)
    assert not {"content-type", "etag"} & answer.headers.keys()
    (record,) = kafka.records
    assert record.key == f"tenant-a:{ID}".encode()
    assert dict(record.headers)["ce_type"] == b"user.deleted"
    assert json.loads(record.value or b"") == {"id": ID, "tenantId": "tenant-a", "version": 2}
    assert listed(cold_start) == ["user1@tenant-a.dev"]


def test_given_a_user_when_deleted_then_neither_item_nor_address_stays_in_the_table(
    delete_user: Function,
) -> None:
    for event in outbox():  # what `stored` left there
        boto3.client("dynamodb").delete_item(
            TableName=sam.TABLE_NAME, Key={name: event[name] for name in ("pk", "sk")}
        )
    delete(delete_user)
    assert "user0@" not in str(boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"])


def test_given_a_user_that_is_gone_when_deleted_again_then_404_and_no_second_event(
    delete_user: Function, kafka: FakeKafka
) -> None:
    delete(delete_user)
    assert delete(delete_user).problem(404)["detail"] == "Your tenant has no user with this id."
    assert len(kafka.records) == 1


def test_given_another_tenants_user_when_deleted_then_the_answer_is_that_for_nobody(
    delete_user: Function, cold_start: ColdStart
) -> None:
    theirs, nobody = delete(delete_user, tenant="tenant-b"), delete(delete_user, ID + 7)
    assert theirs.problem(404)
    assert theirs.body == nobody.body
    assert len(listed(cold_start)) == 2


@pytest.mark.parametrize("tags", ['"1"', "*"])
def test_given_the_version_that_the_client_expects_when_deleted_then_204(
    delete_user: Function, tags: str
) -> None:
    assert delete(delete_user, **{"If-Match": tags}).status == 204


@pytest.mark.parametrize(("tags", "status"), [('"2"', 412), ('W/"1"', 412), ("1", 400)])
def test_given_another_version_or_no_tag_when_deleted_then_the_user_stays(
    delete_user: Function, cold_start: ColdStart, kafka: FakeKafka, tags: str, status: int
) -> None:
    delete(delete_user, **{"If-Match": tags}).problem(status)
    assert kafka.records == []
    assert len(listed(cold_start)) == 2


def test_given_what_cannot_be_an_id_when_deleted_then_422_names_it(delete_user: Function) -> None:
    problem = delete(delete_user, "undefined").problem(422)
    assert [error["pointer"] for error in problem["errors"]] == ["path.id"]


def test_given_kafka_fails_when_deleted_then_204_and_the_event_stays_in_the_outbox(
    delete_user: Function, kafka: FakeKafka
) -> None:
    kafka.fails_to = "acknowledge"
    waiting = len(outbox())
    assert delete(delete_user).status == 204
    assert len(outbox()) == waiting + 1


def test_given_dynamodb_is_down_when_deleted_then_503_and_no_event(
    delete_user: Function, aws: DynamoFaults, kafka: FakeKafka
) -> None:
    aws.down = True
    assert delete(delete_user).problem(503)
    assert kafka.records == []
