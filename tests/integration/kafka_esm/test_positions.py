"""Where polling starts, and who goes on with what when a poller is gone."""

from __future__ import annotations

import signal
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.kafka_esm.conftest import Broker, Endpoint, StartPoller


def test_given_a_timestamp_when_polled_then_it_starts_with_the_first_record_as_late(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(2)
    for second in range(5):
        broker.produce(topic, f"{second}", timestamp_ms=1_700_000_000_000 + second * 1_000)
    start = {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_700_000_003}
    start_poller(broker, endpoint, {function: topic}, start)
    seen = endpoint.wait_for(
        "with the last", lambda seen: any(4 in rows for c in seen for rows in c.offsets.values())
    )
    assert [offset for call in seen for offset in call.offsets[f"{topic}-0"]] == [3, 4]
    eventually("it is committed", lambda: broker.committed(function, topic) == 5)
    # A partition without any record as late starts with whatever comes.
    broker.produce(topic, "now", partition=1)
    eventually("it is committed", lambda: broker.committed(function, topic, 1) == 1)


def test_given_a_timestamp_when_the_group_has_offsets_then_they_win(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "a", "b")
    first = start_poller(broker, endpoint, {function: topic})
    eventually("it is committed", lambda: broker.committed(function, topic) == 2)
    first.signal(signal.SIGTERM)
    assert first.process.wait(timeout=30) == 0
    broker.produce(topic, "c")
    start = {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 0}
    start_poller(broker, endpoint, {function: topic}, start)
    eventually("it goes on", lambda: broker.committed(function, topic) == 3)
    assert endpoint.invocations[-1].offsets == {f"{topic}-0": [2]}


def test_given_latest_when_restarted_then_nothing_that_came_meanwhile_is_missed(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "before")
    first = start_poller(broker, endpoint, {function: topic}, {"StartingPosition": "LATEST"})
    eventually("the position is kept", lambda: broker.committed(function, topic) == 1)
    first.signal(signal.SIGTERM)
    assert first.process.wait(timeout=30) == 0
    broker.produce(topic, "meanwhile")
    start_poller(broker, endpoint, {function: topic}, {"StartingPosition": "LATEST"})
    eventually("it is committed", lambda: broker.committed(function, topic) == 2)
    assert [call.offsets for call in endpoint.invocations] == [{f"{topic}-0": [1]}]


def test_given_two_pollers_when_one_is_killed_in_mid_batch_then_the_other_loses_nothing_and_keeps_the_order(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(4)
    pollers = [start_poller(broker, endpoint, {function: topic}, {"BatchSize": 10}) for _ in range(2)]

    def lag(index: int) -> dict[str, int]:
        found: dict[str, int] = pollers[index].health()[1].get("mappings", [{}])[0].get("lag", {})
        return found

    eventually("they share the partitions", lambda: len(lag(0)) == len(lag(1)) == 2)
    endpoint.open.clear()
    for partition in range(4):
        broker.produce(topic, *map(str, range(50)), partition=partition)
    doomed = set(lag(0))
    endpoint.wait_for(
        "by both, with every partition",
        lambda seen: len({label for call in seen for label in call.offsets}) == 4,
    )
    pollers[0].signal(signal.SIGKILL)
    pollers[0].process.wait()
    endpoint.open.set()
    eventually(
        "everything is committed",
        lambda: all(broker.committed(function, topic, partition) == 50 for partition in range(4)),
    )
    came: defaultdict[str, list[int]] = defaultdict(list)
    for call in endpoint.invocations:
        for label, rows in call.offsets.items():
            came[label] += rows
    for label, rows in came.items():
        assert set(rows) == set(range(50))
        if label not in doomed:
            assert rows == list(range(50))
        else:
            # It starts again from what was committed, and from there on everything is in order.
            again = [rows[n] for n in range(len(rows)) if n == 0 or rows[n] != rows[n - 1] + 1]
            assert len(again) <= 2
            assert rows[-50:] == list(range(50))


def test_given_a_function_that_never_ends_when_stopped_then_the_drain_ends_and_the_batch_comes_again(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "a")
    endpoint.open.clear()
    poller = start_poller(broker, endpoint, {function: topic}, arguments=["--drain-seconds", "0.5"])
    endpoint.wait_for("once", lambda seen: seen)
    poller.signal(signal.SIGTERM)
    assert poller.process.wait(timeout=30) == 0
    assert "did not end within 0.5 s" in poller.log.read_text()
    assert not broker.committed(function, topic)
    endpoint.open.set()
    start_poller(broker, endpoint, {function: topic})
    first, second = endpoint.wait_for("again", lambda seen: len(seen) >= 2)
    assert first == second
