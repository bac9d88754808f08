"""POST /users/create: stored with its event, and announced now or later."""

import json
import sys
from typing import Any
from urllib.parse import urljoin

import boto3
import pytest

from tests import sam
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka

ALICE = {"email": "alice@tenant-a.dev", "name": "Alice Chen", "profile": "bakes bread"}
TOKEN = "tenant-a:user-1"
LIMIT = 64 * 1024
KEY = {"Idempotency-Key": "0d4e9b3c-7c1f-4c0e-8f2a-1d7d7a1c2b3e"}


@pytest.fixture
def create_user(aws: DynamoFaults, kafka: FakeKafka, cold_start: ColdStart) -> Function:
    return cold_start("create_user")


def create(function: Function, token: str = TOKEN, **parts: Any) -> Any:
    return function.http("POST", "/users/create", token=token, **(parts or {"json": ALICE}))


def listed(cold_start: ColdStart, tenant: str = "tenant-a") -> list[str]:
    users = cold_start("list_users").http("GET", "/users", token=f"{tenant}:user-1").json["users"]
    return [user["email"] for user in users]


def outbox() -> list[Any]:
    items = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    return [item for item in items if item["sk"]["S"].startswith("OUTBOX#")]


def killed(*_: object) -> None:
    """Nothing that catches an Exception sees this one."""
    raise KeyboardInterrupt


def test_given_a_new_user_when_created_then_the_answer_is_the_user(create_user: Function) -> None:
    answer = create(create_user)
    user = answer.json
    assert answer.status == 201
    assert user.keys() == {"id", "tenantId", "email", "name", "profile", "createdAt", "updatedAt", "version"}
    assert {**user, **ALICE, "tenantId": "tenant-a"} == user
    assert user["updatedAt"] == user["createdAt"]
    assert user["createdAt"].endswith("Z")
    assert user["version"] == 1
    assert answer.headers["content-type"] == "application/json"
    assert not answer.is_base64


@pytest.mark.parametrize(
    "base",
    [
        "https://abc123.execute-api.us-east-1.amazonaws.com/v1",
        "https://api.example/people",
        "https://api.example",
        "http://127.0.0.1:4566/restapis/abc123/v1/_user_request_",
    ],
)
def test_given_a_new_user_when_the_location_is_followed_then_it_is_under_the_same_base_url(
    create_user: Function, base: str
) -> None:
    answer = create(create_user)
    followed = urljoin(f"{base}/users/create", answer.headers["location"])
    assert followed == f"{base}/users/{answer.json['id']}"


def test_given_a_new_user_when_created_then_the_event_is_on_the_topic_of_the_template(
    create_user: Function, kafka: FakeKafka
) -> None:
    user = create(create_user).json
    (record,) = kafka.records
    assert record.topic == "user.events"
    assert record.key == f"tenant-a:{user['id']}".encode()
    assert json.loads(record.value) == {
        name: user[name] for name in user if name not in ("createdAt", "updatedAt")
    }


def test_given_a_traceparent_when_created_then_the_event_carries_it(
    create_user: Function, kafka: FakeKafka
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    create(create_user, json=ALICE, headers={"traceparent": parent})
    assert dict(kafka.records[0].headers)["traceparent"] == parent.encode()


def test_given_no_profile_when_created_then_it_is_empty(create_user: Function) -> None:
    assert create(create_user, json={"email": "a@b.dev", "name": "A"}).json["profile"] == ""


def test_given_a_taken_address_in_another_case_when_created_then_409_and_no_event(
    create_user: Function, kafka: FakeKafka
) -> None:
    create(create_user)
    answer = create(create_user, json={**ALICE, "email": "Alice@Tenant-A.dev"})
    assert answer.problem(409)["detail"] == "A user of your tenant has this e-mail address."
    assert len(kafka.records) == 1


def test_given_an_address_of_another_tenant_when_created_then_201(create_user: Function) -> None:
    create(create_user, "tenant-b:user-1")
    assert create(create_user).status == 201


@pytest.mark.parametrize("step", ["connect", "send", "acknowledge"])
def test_given_kafka_fails_when_created_then_201_and_the_event_stays_in_the_outbox(
    create_user: Function, kafka: FakeKafka, cold_start: ColdStart, step: Any
) -> None:
    kafka.fails_to = step
    assert create(create_user).status == 201
    metrics = create_user.metrics()[-1]
    assert (metrics["EventsLeftToRelay"], metrics["UsersCreated"]) == ([1], [1])
    assert create_user.logs(level="WARNING", message="event left to the relay")
    assert len(outbox()) == 1
    assert listed(cold_start) == [ALICE["email"]]


def test_given_kafka_failed_when_more_are_created_then_it_is_not_asked_for_a_while(
    create_user: Function, kafka: FakeKafka
) -> None:
    kafka.fails_to = "connect"
    statuses = [create(create_user, json={**ALICE, "email": f"a{n}@x.dev"}).status for n in range(5)]
    assert statuses == [201] * 5
    assert kafka.connections == 1
    assert len(outbox()) == 5


def test_given_kafka_failed_when_the_pause_is_over_then_it_is_asked_again(
    create_user: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka.fails_to = "acknowledge"
    create(create_user)
    kafka.fails_to = None
    sys.modules["users.publisher"].breaker().reset_timeout = 0
    create(create_user, json={**ALICE, "email": "b@x.dev"})
    assert len(kafka.records) == 1
    assert len(outbox()) == 1


def test_given_kafka_acknowledged_when_created_then_the_outbox_is_empty(
    create_user: Function, kafka: FakeKafka
) -> None:
    create(create_user)
    assert (len(kafka.records), outbox()) == (1, [])


def test_given_the_outbox_cannot_be_cleared_when_created_then_201(
    create_user: Function, kafka: FakeKafka, aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise create_user.module.UnavailableError

    monkeypatch.setattr(create_user.module.Outbox, "remove", broken)
    assert create(create_user).status == 201
    assert len(outbox()) == 1


def test_given_dynamodb_is_down_when_created_then_503_and_no_event(
    create_user: Function, aws: DynamoFaults, kafka: FakeKafka
) -> None:
    aws.down = True
    assert create(create_user).problem(503)
    assert kafka.records == []


def test_given_conflicting_transactions_when_created_then_it_is_tried_again(
    create_user: Function, aws: DynamoFaults
) -> None:
    aws.answer("TransactionCanceledException", ["TransactionConflict", "None"])
    assert create(create_user).status == 201


def test_given_endless_conflicts_when_created_then_503(
    create_user: Function, aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("users.store.transaction.sleep", lambda _: None)
    aws.answer("TransactionCanceledException", ["TransactionConflict", "None"], times=100)
    assert create(create_user).problem(503)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 422),
        ("", 422),
        ("{not json", 400),
        (b'{"email":"a@b.dev","name":"\xff"}', 400),
        ("[]", 422),
        ("1", 422),
        ("null", 422),
        ('"text"', 422),
        ("[1", 400),
        ("NaN", 422),
        ('{"email":"a@b.dev","name":"\\ud800"}', 422),
        ('{"email":"a\\udfff@b.dev","name":"A"}', 422),
        ('{"email":"a@b.dev","name":"A","\\ud800":1}', 422),
    ],
)
def test_given_a_bad_body_when_sent_then_it_is_a_problem_and_nothing_is_stored(
    create_user: Function, aws: DynamoFaults, body: Any, status: int
) -> None:
    answer = create(create_user, body=body, headers={"Content-Type": "application/json"})
    assert answer.problem(status)
    assert aws.requests == ["UpdateItem"]  # the rate limit counted it


@pytest.mark.parametrize(
    "body", ["[" * 30_000, '{"a":' * 9_000, '{"email":' + "[" * 5_000 + "]" * 5_000 + "}"]
)
def test_given_a_deeply_nested_body_when_sent_then_the_client_is_at_fault(
    create_user: Function, body: str
) -> None:
    answer = create(create_user, body=body)
    assert answer.problem(400 if answer.status == 400 else 422)  # which one is up to Python's JSON parser


def test_given_no_address_when_sent_then_the_detail_is_for_the_client(create_user: Function) -> None:
    (error,) = create(create_user, json={**ALICE, "email": "alice"}).problem(422)["errors"]
    assert error == {"pointer": "body.email", "detail": "An email address must have an @-sign."}


def test_given_a_key_twice_when_sent_then_the_last_one_counts(create_user: Function) -> None:
    body = '{"email":"not an address","email":"a@b.dev","name":"A"}'
    assert create(create_user, body=body).json["email"] == "a@b.dev"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": 1}, "body.email"),
        ({"email": None}, "body.email"),
        ({"email": "alice"}, "body.email"),
        ({"name": ["Alice"]}, "body.name"),
        ({"name": "   "}, "body.name"),
        ({"name": "\u200b"}, "body.name"),
        ({"name": "A\0"}, "body.name"),
        ({"profile": "\x1b[2J"}, "body.profile"),
        ({"email": "ada@corp.local"}, "body.email"),
        ({"name": "n" * 201}, "body.name"),
        ({"profile": 1.5}, "body.profile"),
        ({"profile": "p" * 2001}, "body.profile"),
        ({"id": 1}, "body.id"),
        ({"tenantId": "tenant-b"}, "body.tenantId"),
        ({"tenant_id": "tenant-b"}, "body.tenant_id"),
    ],
)
def test_given_a_wrong_field_when_sent_then_422_names_it(
    create_user: Function, change: dict[str, Any], pointer: str
) -> None:
    problem = create(create_user, json={**ALICE, **change}).problem(422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_given_thousands_of_wrong_fields_when_sent_then_422_names_a_hundred(create_user: Function) -> None:
    problem = create(create_user, json={**ALICE, **{f"f{n}": 0 for n in range(5_000)}}).problem(422)
    assert len(problem["errors"]) == 100


@pytest.mark.parametrize(("allowed", "status"), [("false", 422), ("true", 201)])
def test_given_a_special_use_domain_when_sent_then_a_parameter_says_whether_it_is_accepted(
    create_user: Function, monkeypatch: pytest.MonkeyPatch, allowed: str, status: int
) -> None:
    monkeypatch.setenv("ALLOW_SPECIAL_USE_EMAIL_DOMAINS", allowed)
    assert create(create_user, json={**ALICE, "email": "ada@corp.local"}).status == status
    if status == 201:
        create(create_user, json={**ALICE, "email": "ADA@Corp.local"}).problem(409)


def test_given_no_fields_when_sent_then_422_names_those_that_are_required(create_user: Function) -> None:
    problem = create(create_user, json={}).problem(422)
    assert [error["pointer"] for error in problem["errors"]] == ["body.email", "body.name"]


def test_given_64_kib_when_sent_then_they_are_read(create_user: Function) -> None:
    assert create(create_user, body=json.dumps(ALICE).ljust(LIMIT)).status == 201


@pytest.mark.parametrize("body", ["x" * (LIMIT + 1), b"x" * (LIMIT + 1), "é" * (LIMIT // 2) + "x"])
def test_given_more_than_64_kib_when_sent_then_413(create_user: Function, body: str | bytes) -> None:
    assert create(create_user, body=body).problem(413)["detail"] == "The body is larger than 64 KiB."


@pytest.mark.parametrize("length", ["3", str(LIMIT + 1), "no number"])
def test_given_a_content_length_when_more_than_64_kib_are_sent_then_413(
    create_user: Function, length: str
) -> None:
    assert create(create_user, body="x" * (LIMIT + 1), headers={"Content-Length": length}).problem(413)


@pytest.mark.parametrize("body", ["{not json", b"\xff", "[" * 30_000, "x" * (LIMIT + 1)])
def test_given_no_token_when_a_broken_body_is_sent_then_401(create_user: Function, body: str | bytes) -> None:
    headers = {"Content-Length": str(len(body))}
    assert create_user.http("POST", "/users/create", body=body, headers=headers).problem(401)


def test_given_a_body_in_utf_16_when_created_then_400(create_user: Function) -> None:
    body = '{"email":"a@b.dev","name":"A"}'.encode("utf-16")
    create(create_user, body=body).problem(400)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ΑΣ@x.dev", "ας@x.dev"),
        ("é@x.dev", "e\u0301@x.dev"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
        ("STRASSE@x.dev", "straße@x.dev"),
    ],
)
def test_given_two_spellings_of_an_address_when_created_then_409(
    create_user: Function, first: str, second: str
) -> None:
    statuses = [create(create_user, json={**ALICE, "email": email}).status for email in (first, second)]
    assert statuses == [201, 409]


def test_given_an_unforeseen_error_while_publishing_when_created_then_201_and_the_error_is_logged(
    create_user: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("users.publisher.Publisher.publish_all", broken)
    assert create(create_user).status == 201
    assert "RuntimeError" in create_user.logs(message="event left to the relay")[0]["exception"]
    assert len(outbox()) == 1


def test_given_a_key_when_the_request_is_sent_again_then_the_answer_is_the_same_and_there_is_one_user(
    create_user: Function, kafka: FakeKafka, cold_start: ColdStart
) -> None:
    first, second = (create(create_user, json=ALICE, headers=KEY) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert first.headers["location"] == second.headers["location"]
    assert len(kafka.records) == 1
    assert listed(cold_start) == [ALICE["email"]]


def kept() -> dict[str, Any]:
    """Return what is kept for the one request that came with a key."""
    items = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    [item] = [item for item in items if item["sk"]["S"].startswith("IDEMPOTENCY")]
    return item


def users_of(function: Function) -> Any:
    """Return the store as the function has it."""
    return function.module.UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)


def test_given_a_key_when_created_then_what_is_kept_holds_no_person(create_user: Function) -> None:
    user = create(create_user, json=ALICE, headers=KEY).json
    assert json.loads(kept()["data"]["S"]) == {"id": user["id"]}
    assert not [text for text in ("alice", "Alice", "bread") if text in str(kept())]


def test_given_a_user_that_changed_when_its_request_is_sent_again_then_it_is_as_it_is_now(
    create_user: Function, kafka: FakeKafka
) -> None:
    user = create(create_user, json=ALICE, headers=KEY).json
    from users.model import UserPatch

    users_of(create_user).update("tenant-a", user["id"], UserPatch(email="new@x.dev", name="Bob"))
    again = create(create_user, json=ALICE, headers=KEY)
    assert (again.status, again.json["id"], again.json["version"]) == (201, user["id"], 2)
    assert (again.json["email"], again.json["name"]) == ("new@x.dev", "Bob")
    assert len(kafka.records) == 1


def test_given_a_user_that_was_erased_when_its_request_is_sent_again_then_410_and_it_stays_erased(
    create_user: Function, cold_start: ColdStart
) -> None:
    user = create(create_user, json=ALICE, headers=KEY).json
    users_of(create_user).delete("tenant-a", user["id"])
    create(create_user, json=ALICE, headers=KEY).problem(410)
    assert listed(cold_start) == []


def test_given_an_answer_that_an_older_mesh_kept_when_sent_again_then_it_is_answered(
    create_user: Function, kafka: FakeKafka
) -> None:
    user = create(create_user, json=ALICE, headers=KEY).json
    old = {name: user[name] for name in user if name not in ("updatedAt", "version")}
    item = {**kept(), "data": {"S": json.dumps(old)}}
    boto3.client("dynamodb").put_item(TableName=sam.TABLE_NAME, Item=item)
    again = create(create_user, json=ALICE, headers=KEY)
    assert (again.status, again.json) == (201, user)
    users_of(create_user).delete("tenant-a", user["id"])
    create(create_user, json=ALICE, headers=KEY).problem(410)


def test_given_dynamodb_fails_to_read_the_user_when_its_request_is_sent_again_then_503(
    create_user: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(create_user, json=ALICE, headers=KEY)

    def broken(*_: object) -> None:
        raise create_user.module.UnavailableError

    monkeypatch.setattr(create_user.module.UserStore, "get", broken)
    create(create_user, json=ALICE, headers=KEY).problem(503)


def test_given_a_key_when_it_comes_with_another_body_then_422(
    create_user: Function, kafka: FakeKafka
) -> None:
    create(create_user, json=ALICE, headers=KEY)
    problem = create(create_user, json={**ALICE, "name": "Bob"}, headers=KEY).problem(422)
    assert [error["pointer"] for error in problem["errors"]] == ["header.idempotency-key"]
    assert len(kafka.records) == 1


def test_given_the_same_body_written_otherwise_when_sent_again_then_it_is_the_same_request(
    create_user: Function, kafka: FakeKafka
) -> None:
    create(create_user, json=ALICE, headers=KEY)
    again = create(create_user, body=json.dumps(ALICE, indent=3, sort_keys=True), headers=KEY)
    assert again.status == 201
    assert len(kafka.records) == 1


def test_given_a_key_of_another_tenant_when_sent_then_it_is_another_request(create_user: Function) -> None:
    first = create(create_user, json=ALICE, headers=KEY)
    other = create(create_user, "tenant-b:user-1", json={**ALICE, "name": "Bob"}, headers=KEY)
    assert (first.json["tenantId"], other.json["tenantId"]) == ("tenant-a", "tenant-b")


def test_given_two_keys_when_the_same_user_is_sent_then_409(create_user: Function) -> None:
    create(create_user, json=ALICE, headers=KEY)
    create(create_user, json=ALICE, headers={"Idempotency-Key": "two"}).problem(409)
    create(create_user, json=ALICE, headers={"Idempotency-Key": "two"}).problem(409)


def test_given_the_first_request_is_at_work_when_sent_again_then_409(
    create_user: Function, aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(create_user.module.UserStore, "create", killed)
        create(create_user, json=ALICE, headers=KEY)
    answer = create(create_user, json=ALICE, headers=KEY)
    assert "still at work" in answer.problem(409, retry_after="5")["detail"]


def test_given_the_function_was_killed_when_its_time_is_over_then_the_request_is_done(
    create_user: Function, kafka: FakeKafka, cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the user was stored: the next attempt finds that user, and the relay its event."""
    monkeypatch.setattr("tests.unit.gateway.LambdaContext.get_remaining_time_in_millis", lambda _: -1)
    with monkeypatch.context() as patch:
        patch.setattr(create_user.module, "announce", killed)
        create(create_user, json=ALICE, headers=KEY)
    assert create(create_user, json=ALICE, headers=KEY).status == 201
    assert listed(cold_start) == [ALICE["email"]]
    assert len(outbox()) == 1


def test_given_a_failed_request_when_sent_again_with_its_key_then_it_is_tried_again(
    create_user: Function, aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(create_user, json=ALICE)  # the tenant is known from here on
    body = {**ALICE, "email": "b@x.dev"}
    monkeypatch.setattr("users.store.transaction.sleep", lambda _: None)
    aws.answer("TransactionCanceledException", ["TransactionConflict", "None"], times=9)
    create(create_user, json=body, headers=KEY).problem(503)
    assert create(create_user, json=body, headers=KEY).status == 201


def test_given_dynamodb_is_down_when_sent_with_a_key_then_503(
    create_user: Function, aws: DynamoFaults
) -> None:
    aws.down = True
    create(create_user, json=ALICE, headers=KEY).problem(503)


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "k" * 256, "a\tb"])
def test_given_a_key_that_is_none_when_sent_then_422(create_user: Function, key: str) -> None:
    problem = create(create_user, json=ALICE, headers={"Idempotency-Key": key}).problem(422)
    assert [error["pointer"] for error in problem["errors"]] == ["header.idempotency-key"]
