"""POST /users/import: an outcome for each entry, in order, and one that is wrong spoils no other."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka
from tests.unit.functions.test_create_user import listed, outbox
from tests.unit.functions.test_every_http_function import allow, fields_of

NDJSON = "application/x-ndjson"
KEY = {"Idempotency-Key": "people-2026-11-25"}


@pytest.fixture
def import_users(aws: DynamoFaults, kafka: FakeKafka, cold_start: ColdStart) -> Function:
    return cold_start("import_users")


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {"email": f"user{number}@x.dev", "name": f"User {number}", **more}


def send(function: Function, body: Any, tenant: str = "tenant-a", **headers: str) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return function.http(
        "POST",
        "/users/import",
        token=f"{tenant}:user-1",
        body=text,
        headers={"Content-Type": "application/json", **headers},
    )


def lines(values: Sequence[Any]) -> str:
    return "".join(f"{value if isinstance(value, str) else json.dumps(value)}\n" for value in values)


def statuses(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    return [outcome["status"] for outcome in answer.json["outcomes"]]


def test_given_an_array_when_imported_then_each_is_created_and_announced_in_order(
    import_users: Function, kafka: FakeKafka, cold_start: ColdStart
) -> None:
    answer = send(import_users, [entry(number, profile="bakes") for number in range(3)])
    assert statuses(answer) == ["created"] * 3
    users = [outcome["user"] for outcome in answer.json["outcomes"]]
    assert [user["email"] for user in users] == [f"user{number}@x.dev" for number in range(3)]
    assert [(user["tenantId"], user["version"], user["profile"]) for user in users] == [
        ("tenant-a", 1, "bakes")
    ] * 3
    assert {record.key for record in kafka.records} == {f"tenant-a:{user['id']}".encode() for user in users}
    assert {dict(record.headers)["ce_type"] for record in kafka.records} == {b"user.created"}
    assert outbox() == []
    assert import_users.metrics()[-1]["UsersCreated"] == [3]
    assert sorted(listed(cold_start)) == [f"user{number}@x.dev" for number in range(3)]


@pytest.mark.parametrize("media_type", [NDJSON, "application/jsonl", "application/ndjson; charset=utf-8"])
def test_given_lines_when_imported_then_each_is_created(import_users: Function, media_type: str) -> None:
    body = lines([entry(1, profile="löst\u2028Rätsel"), entry(2)])
    answer = send(import_users, body, **{"Content-Type": media_type})
    assert statuses(answer) == ["created", "created"]


def test_given_all_that_can_be_wrong_when_imported_then_each_entry_has_its_own_outcome(
    import_users: Function, kafka: FakeKafka
) -> None:
    send(import_users, [entry(0)])
    sent = [
        entry(1),
        entry(0),  # taken before
        entry(2, name=" ", age=7),
        "{no json",
        entry(1, email="USER1@x.dev"),  # taken by an entry before it
        [entry(3)],
        entry(3),
    ]
    answer = send(import_users, lines(sent), **{"Content-Type": NDJSON})
    wanted = ["created", "taken", "invalid", "invalid", "taken", "invalid", "created"]
    assert statuses(answer) == wanted
    outcomes = answer.json["outcomes"]
    assert [outcome.keys() - {"status"} for outcome in outcomes] == [
        {"created": {"user"}, "taken": set(), "invalid": {"problems"}}[status] for status in wanted
    ]
    assert {problem["pointer"] for problem in outcomes[2]["problems"]} == {"name", "age"}
    assert outcomes[3]["problems"] == [{"pointer": "", "detail": "This line is not JSON."}]
    assert outcomes[5]["problems"] == [{"pointer": "", "detail": "An entry is a JSON object."}]
    assert len(kafka.records) == 3


def test_given_a_hundred_when_imported_then_all_are_created(import_users: Function, kafka: FakeKafka) -> None:
    answer = send(import_users, [entry(number, profile="p" * 2000) for number in range(100)])
    assert statuses(answer) == ["created"] * 100
    assert len({outcome["user"]["id"] for outcome in answer.json["outcomes"]}) == 100
    assert len(kafka.records) == 100


@pytest.mark.parametrize("media_type", ["application/json", NDJSON])
def test_given_more_than_a_hundred_when_imported_then_422_and_nothing_is_stored(
    import_users: Function, kafka: FakeKafka, media_type: str
) -> None:
    sent = [entry(number) for number in range(101)]
    body = lines(sent) if media_type == NDJSON else sent
    problem = send(import_users, body, **{"Content-Type": media_type}).problem(422)
    assert problem["errors"] == [{"pointer": "body", "detail": problem["detail"]}]
    assert problem["detail"].startswith("There are 101 entries. Send 100 at most")
    assert kafka.records == []


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        ("[]", "application/json", 422),
        ("", "application/json", 400),
        ("", NDJSON, 422),
        ("{}", "application/json", 422),
        ('{"users":[]}', "application/json", 422),
        (lines([entry(1), entry(2)]), "application/json", 400),  # what no header of its own goes with
        ("email,name\na@b.dev,A\n", "text/csv", 415),
        (b"[\xff]", "application/json", 400),
    ],
)
def test_given_no_list_when_imported_then_a_problem_says_what_to_send(
    import_users: Function, kafka: FakeKafka, body: str | bytes, media_type: str, status: int
) -> None:
    send(import_users, body, **{"Content-Type": media_type}).problem(status)
    assert kafka.records == []


def test_given_csv_when_imported_then_415_names_the_media_types(import_users: Function) -> None:
    detail = send(import_users, "email,name", **{"Content-Type": "text/csv"}).problem(415)["detail"]
    assert "application/json or application/x-ndjson" in detail


def test_given_a_mebibyte_when_imported_then_it_is_read_and_one_byte_more_is_413(
    import_users: Function,
) -> None:
    body = json.dumps([entry(1)])
    assert statuses(send(import_users, body.ljust(1024 * 1024))) == ["created"]
    detail = send(import_users, body.ljust(1024 * 1024 + 1)).problem(413)["detail"]
    assert detail == "The body is larger than 1024 KiB."


def test_given_a_rate_limit_when_imported_then_each_entry_costs_a_token(
    import_users: Function, monkeypatch: pytest.MonkeyPatch, kafka: FakeKafka
) -> None:
    allow(monkeypatch, burst=100)
    first = send(import_users, [entry(number) for number in range(60)])
    assert fields_of(first)["ratelimit"] == '"import_users";r=40;t=100'
    refused = send(import_users, lines([entry(n) for n in range(60, 110)]), **{"Content-Type": NDJSON})
    refused.problem(429)
    assert 900 < int(refused.headers["retry-after"]) <= 1000  # until there are ten more
    assert len(kafka.records) == 60
    assert statuses(send(import_users, [entry(number) for number in range(60, 100)])) == ["created"] * 40


@pytest.mark.parametrize("body", ["[]", "{", json.dumps([{}] * 101)])
def test_given_a_body_that_is_refused_when_imported_then_it_costs_one_token(
    import_users: Function, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    allow(monkeypatch, burst=100)
    assert fields_of(send(import_users, body))["ratelimit"] == '"import_users";r=99;t=100'


def test_given_a_tenant_whose_burst_is_smaller_when_it_sends_more_then_422_says_how_many_at_once(
    import_users: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, burst=5)
    problem = send(import_users, [entry(number) for number in range(6)]).problem(422)
    assert "counts as 6, and your tenant may send 5 at once" in problem["detail"]
    assert statuses(send(import_users, [entry(number) for number in range(5)])) == ["created"] * 5


def test_given_a_key_when_the_import_is_sent_again_then_the_outcomes_are_the_same_and_nobody_is_twice(
    import_users: Function, kafka: FakeKafka, cold_start: ColdStart
) -> None:
    sent = [entry(1), entry(2, name=" "), entry(3)]
    first, again = (send(import_users, sent, **KEY) for _ in range(2))
    assert first.json == again.json
    assert len(kafka.records) == 2
    assert len(listed(cold_start)) == 2


def test_given_a_key_when_an_entry_was_corrected_then_it_is_created_and_the_others_stay(
    import_users: Function,
) -> None:
    first = send(import_users, [entry(1), entry(2, name=" "), entry(3)], **KEY).json["outcomes"]
    again = send(import_users, [entry(1), entry(2), entry(3)], **KEY).json["outcomes"]
    assert [outcome["status"] for outcome in again] == ["created"] * 3
    assert (again[0], again[2]) == (first[0], first[2])


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "another"}])
def test_given_no_key_or_another_when_the_import_is_sent_again_then_the_addresses_are_taken(
    import_users: Function, headers: dict[str, str]
) -> None:
    send(import_users, [entry(1), entry(2)], **KEY)
    assert statuses(send(import_users, [entry(1), entry(2)], **headers)) == ["taken", "taken"]


def test_given_a_key_when_a_user_has_changed_its_address_then_it_is_created_no_second_time(
    import_users: Function, kafka: FakeKafka, cold_start: ColdStart
) -> None:
    first = send(import_users, [entry(1), entry(2)], **KEY).json["outcomes"]
    user_id = first[0]["user"]["id"]
    cold_start("update_user").http(
        "PATCH",
        f"/users/{user_id}",
        token="tenant-a:user-1",
        json={"email": "new@x.dev"},
        route="/users/{id}",
    )
    again = send(cold_start("import_users"), [entry(1), entry(2)], **KEY).json["outcomes"]
    assert [outcome["status"] for outcome in again] == ["created"] * 2
    assert (again[0]["user"]["id"], again[0]["user"]["email"]) == (user_id, "new@x.dev")
    assert again[1] == first[1]
    assert len(listed(cold_start)) == 2


def test_given_a_key_when_a_user_has_been_erased_then_it_does_not_come_back(
    import_users: Function, cold_start: ColdStart
) -> None:
    user_id = send(import_users, [entry(1), entry(2)], **KEY).json["outcomes"][0]["user"]["id"]
    delete_user = cold_start("delete_user")
    delete_user.http("DELETE", f"/users/{user_id}", token="tenant-a:user-1", route="/users/{id}")
    again = send(cold_start("import_users"), [entry(1), entry(2)], **KEY)
    assert statuses(again) == ["erased", "created"]
    assert listed(cold_start) == ["user2@x.dev"]


def test_given_a_key_when_the_same_entry_is_twice_in_it_then_the_second_is_taken(
    import_users: Function,
) -> None:
    for _ in range(2):
        assert statuses(send(import_users, [entry(1), entry(1)], **KEY)) == ["created", "taken"]


def test_given_two_tenants_when_they_import_the_same_with_the_same_key_then_each_has_its_own(
    import_users: Function, cold_start: ColdStart
) -> None:
    answers = [send(import_users, [entry(1)], tenant, **KEY) for tenant in ("tenant-a", "tenant-b")]
    assert [statuses(answer) for answer in answers] == [["created"]] * 2
    assert [answer.json["outcomes"][0]["user"]["tenantId"] for answer in answers] == ["tenant-a", "tenant-b"]
    assert listed(cold_start, "tenant-b") == ["user1@x.dev"]


def test_given_what_the_store_could_not_take_when_imported_then_it_is_to_be_sent_again(
    import_users: Function, aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users are stored by 25, each with four items: others hold up the first of them."""
    monkeypatch.setattr("users.store.transaction.sleep", lambda _: None)
    aws.answer("TransactionCanceledException", ["TransactionConflict", *["None"] * 99], times=9)
    sent = [entry(number) for number in range(26)]
    assert statuses(send(import_users, sent, **KEY)) == ["unavailable"] * 25 + ["created"]
    assert statuses(send(import_users, sent, **KEY)) == ["created"] * 26


def test_given_nothing_could_be_stored_when_imported_then_503_and_sent_again_each_entry_has_its_outcome(
    import_users: Function, aws: DynamoFaults
) -> None:
    """Also those that are invalid: who gets the 503 sends the whole again, and learns of them then."""
    aws.down = True
    sent = [entry(1), entry(2, name=" ")]
    send(import_users, sent, **KEY).problem(503)
    aws.down = False
    assert statuses(send(import_users, sent, **KEY)) == ["created", "invalid"]


def test_given_dynamodb_is_down_when_imported_then_503_and_no_event(
    import_users: Function, aws: DynamoFaults, kafka: FakeKafka
) -> None:
    aws.down = True
    assert send(import_users, [entry(1), entry(2)]).problem(503)
    assert kafka.records == []


def test_given_kafka_fails_when_imported_then_all_are_created_and_the_events_stay_in_the_outbox(
    import_users: Function, kafka: FakeKafka
) -> None:
    kafka.fails_to = "connect"
    assert statuses(send(import_users, [entry(number) for number in range(10)])) == ["created"] * 10
    assert len(outbox()) == 10
    assert kafka.connections == 1
    assert sum(import_users.metrics()[-1]["EventsLeftToRelay"]) == 10


def test_given_a_traceparent_when_imported_then_each_event_carries_it(
    import_users: Function, kafka: FakeKafka
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    send(import_users, [entry(1), entry(2)], traceparent=parent)
    assert {dict(record.headers)["traceparent"] for record in kafka.records} == {parent.encode()}
