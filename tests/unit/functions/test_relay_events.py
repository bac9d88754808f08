"""relay_events: what stayed in the outbox goes to Kafka."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka

TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@pytest.fixture
def create_user(aws: DynamoFaults, kafka: FakeKafka, cold_start: ColdStart) -> Function:
    return cold_start("create_user")


def create(create_user: Function, *numbers: int, tenant: str = "tenant-a") -> None:
    for number in numbers:
        body = {"email": f"u{number}@x.dev", "name": "A"}
        assert create_user.http("POST", "/users/create", token=f"{tenant}:u", json=body).status == 201


@pytest.fixture
def relay(create_user: Function, cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts relay_events, some time after the requests have ended."""

    def start() -> Function:
        function = cold_start("relay_events")
        monkeypatch.setattr("users.outbox._IN_FLIGHT", timedelta(seconds=-1))
        return function

    return start


def keys(kafka: FakeKafka) -> list[bytes]:
    return sorted(record.key for record in kafka.records)


def test_given_kafka_was_down_when_relayed_then_every_event_is_sent_once(
    create_user: Function, kafka: FakeKafka, relay: Any
) -> None:
    kafka.fails_to = "connect"
    create(create_user, 1, 2, 3)
    create(create_user, 1, tenant="tenant-b")
    kafka.fails_to = None
    function = relay()
    function.invoke(TICK)
    function.invoke(TICK)
    assert len(keys(kafka)) == len(set(keys(kafka))) == 4
    first, second = function.metrics()[-2:]
    assert (first["EventsRelayed"], second["EventsRelayed"]) == ([4], [0])
    assert (second["OutboxSize"], second["OutboxAge"]) == ([0], [0])


def test_given_all_is_well_when_relayed_then_nothing_is_sent(
    create_user: Function, kafka: FakeKafka, relay: Any
) -> None:
    create(create_user, 1, 2)
    relay().invoke(TICK)
    assert len(kafka.records) == 2


def test_given_the_acknowledgement_was_lost_when_relayed_then_the_event_comes_again_with_its_id(
    create_user: Function, kafka: FakeKafka, aws: DynamoFaults, relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> None:
        raise create_user.module.UnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(create_user.module.Outbox, "remove", lost)
        create(create_user, 1)
    relay().invoke(TICK)
    first, again = kafka.records
    assert first == again


def test_given_kafka_is_still_down_when_relayed_then_the_events_stay_and_are_told(
    create_user: Function, kafka: FakeKafka, relay: Any
) -> None:
    kafka.fails_to = "connect"
    create(create_user, 1, 2)
    function = relay()
    function.invoke(TICK)
    metrics = function.metrics()[-1]
    assert (metrics["EventsRelayed"], metrics["OutboxSize"]) == ([0], [2])
    assert function.logs(level="WARNING", message="events left in the outbox")
    kafka.fails_to = None
    function.invoke(TICK)
    assert len(kafka.records) == 2


def test_given_one_event_that_kafka_refuses_when_relayed_then_only_it_stays(
    create_user: Function, kafka: FakeKafka, relay: Any
) -> None:
    kafka.fails_to = "connect"
    create(create_user, 1, 2, 3)
    kafka.fails_to = None
    function = relay()
    [stuck, *_] = [event for page in function.module.event_outbox().pages() for event in page]
    kafka.refuses = {stuck.record.key}
    function.invoke(TICK)
    assert len(kafka.records) == 2
    assert function.metrics()[-1]["OutboxSize"] == [1]


def test_given_little_time_when_relayed_then_it_ends_after_a_page(
    create_user: Function, kafka: FakeKafka, relay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka.fails_to = "connect"
    create(create_user, *range(5))
    kafka.fails_to = None
    function = relay()
    monkeypatch.setattr("users.outbox._PAGE", 2)
    monkeypatch.setattr("tests.unit.gateway.LambdaContext.get_remaining_time_in_millis", lambda _: 9_000)
    function.invoke(TICK)
    assert function.metrics()[-1]["EventsRelayed"] == [2]


def test_given_two_runs_at_once_when_relayed_then_nothing_is_lost_and_ids_tell_the_repetition(
    create_user: Function, kafka: FakeKafka, relay: Any
) -> None:
    kafka.fails_to = "connect"
    create(create_user, *range(6))
    kafka.fails_to = None
    function = relay()
    pages = list(function.module.event_outbox().pages())  # what another run has read a moment ago
    function.invoke(TICK)
    for page in pages:
        function.module.event_publisher().publish_all([event.record for event in page])
        function.module.event_outbox().remove(page)
    ids = [dict(record.headers)["ce_id"] for record in kafka.records]
    assert (len(ids), len(set(ids))) == (12, 6)
    assert function.module.event_outbox().backlog().size == 0


def test_given_dynamodb_is_down_when_relayed_then_it_raises_and_is_called_again(
    create_user: Function, aws: DynamoFaults, relay: Any
) -> None:
    function = relay()
    aws.down = True
    with (
        pytest.warns(UserWarning, match="No application metrics"),
        pytest.raises(Exception, match="DynamoDB"),
    ):
        function.invoke(TICK)


def at(time: str) -> dict[str, Any]:
    return {**TICK, "time": f"2026-01-01T{time}Z"}


def test_given_the_runs_of_an_hour_when_relayed_then_each_partition_has_one_heartbeat(
    create_user: Function, kafka: FakeKafka, relay: Any
) -> None:
    function = relay()
    for minute in range(60):
        function.invoke(at(f"07:{minute:02}:42"))
    assert [sent.partition for sent in kafka.records] == list(range(kafka.partitions))
    assert {(sent.topic, sent.value) for sent in kafka.records} == {("user.events", None)}


@pytest.mark.parametrize("step", ["connect", "send", "acknowledge"])
def test_given_kafka_takes_no_heartbeat_when_relayed_then_the_outbox_is_looked_at_all_the_same(
    create_user: Function, kafka: FakeKafka, relay: Any, step: Any
) -> None:
    kafka.fails_to = step
    function = relay()
    function.invoke(at("07:00:00"))
    assert function.logs(level="WARNING", message="heartbeats left to the next hour")
    assert function.metrics()[-1]["OutboxSize"] == [0]
    kafka.fails_to = None
    function.invoke(at("08:00:59"))
    assert len(kafka.records) == kafka.partitions
