"""The poller, as a process, between a real broker and a Lambda endpoint."""

from __future__ import annotations

import base64
import ctypes
import json
import signal
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from aws_lambda_powertools.utilities.parser.models import KafkaSelfManagedEventModel

SESSION_TIMEOUT_SECONDS = 2  # as conftest's start_poller sets it

if TYPE_CHECKING:
    from tests.integration.kafka_esm.conftest import Broker, Endpoint, StartPoller


def test_given_records_in_six_partitions_when_polled_then_all_arrive_once_in_order_and_are_committed(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(6)
    values = [f"v{n}" for n in range(200)]
    for partition in range(6):
        broker.produce(topic, *values, partition=partition)
    start_poller(broker, endpoint, {function: topic}, {"BatchSize": 50})
    invocations = endpoint.wait_for(
        "with all 1,200 records",
        lambda seen: sum(len(rows) for call in seen for rows in call.offsets.values()) >= 1_200,
    )
    delivered: defaultdict[str, list[str]] = defaultdict(list)
    for call in invocations:
        assert call.function == function
        assert sum(map(len, call.offsets.values())) <= 50
        for label, rows in call.event["records"].items():
            delivered[label] += [base64.b64decode(row["value"]).decode() for row in rows]
    assert delivered == {f"{topic}-{partition}": values for partition in range(6)}
    eventually(
        "everything is committed",
        lambda: all(broker.committed(function, topic, partition) == 200 for partition in range(6)),
    )


def test_given_a_record_when_delivered_then_the_event_is_lambdas(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "hello")
    start_poller(broker, endpoint, {function: topic})
    (call,) = endpoint.wait_for("once", lambda seen: seen)
    (row,) = call.event["records"].pop(f"{topic}-0")
    assert call.event == {
        "eventSource": "SelfManagedKafka",
        "bootstrapServers": broker.address,
        "records": {},
    }
    assert row.pop("timestamp") > 1_700_000_000_000
    assert row == {
        "topic": topic,
        "partition": 0,
        "offset": 0,
        "timestampType": "CREATE_TIME",
        "key": base64.b64encode(b"k").decode(),
        "value": base64.b64encode(b"hello").decode(),
        "headers": [{"h": [-1]}],
    }
    KafkaSelfManagedEventModel.model_validate(
        call.event | {"records": {f"{topic}-0": [row | {"timestamp": 0}]}}
    )


def test_given_functions_that_fail_in_every_way_when_polled_then_the_same_batch_comes_until_it_succeeds(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, answer: Any, eventually: Any
) -> None:
    error = json.dumps({"errorType": "ValueError", "errorMessage": "the secret"}).encode()
    failures = {
        "error": answer(body=error, headers={"X-Amz-Function-Error": "Unhandled"}),
        "hidden": answer(body=error),
        "throttled": answer(429, b"{}", {"x-amzn-errortype": "TooManyRequestsException"}),
        "broken": answer(500, b"{}"),
        "malformed": answer(body=b"<html>"),
        "hangs-up": answer(hang_up=True),
    }
    topics = {f"{function}-{kind}": broker.create_topic(1) for kind in failures}
    for kind, failure in failures.items():
        endpoint.script[f"{function}-{kind}"] = [failure, failure]
        broker.produce(topics[f"{function}-{kind}"], "a", "b", "c")
    poller = start_poller(broker, endpoint, topics)

    def counts(seen: list[Any]) -> dict[str, int]:
        return {name: sum(call.function == name for call in seen) for name in topics}

    seen = endpoint.wait_for("three times each", lambda seen: min(counts(seen).values()) >= 3)
    for name, topic in topics.items():
        eventually(f"{name} is committed", lambda name=name, topic=topic: broker.committed(name, topic) == 3)
        events = [call.event for call in seen if call.function == name]
        assert events == [events[0]] * 3
        outcomes = [
            line["outcome"] for line in poller.lines() if line.get("function") == name and "outcome" in line
        ]
        assert outcomes[-1] == "success"
        assert "success" not in outcomes[:-1]
    assert "the secret" not in poller.log.read_text()
    assert all(m["retries"] == 2 for m in poller.health()[1]["mappings"])


def test_given_a_failing_batch_when_it_waits_for_its_retry_then_nothing_of_it_is_committed(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, answer: Any, eventually: Any
) -> None:
    topic = broker.create_topic(2)
    endpoint.script[function] = [answer(500, b"{}")] * 3
    broker.produce(topic, "poison", partition=0)
    poller = start_poller(broker, endpoint, {function: topic})
    endpoint.wait_for("twice", lambda seen: len(seen) >= 2)
    assert broker.committed(function, topic, 0) is None
    endpoint.wait_for("until it succeeds", lambda seen: len(seen) >= 4)
    eventually("it is committed", lambda: broker.committed(function, topic, 0) == 1)
    eventually("the error is gone", lambda: poller.health()[1]["mappings"][0]["last_error"] is None)


def test_given_sigterm_during_an_invocation_when_it_ends_then_it_is_committed_and_not_delivered_again(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(1)
    endpoint.open.clear()
    broker.produce(topic, "a")
    poller = start_poller(broker, endpoint, {function: topic})
    endpoint.wait_for("once", lambda seen: seen)
    broker.produce(topic, "b")
    poller.signal(signal.SIGTERM)
    eventually("it drains", lambda: poller.health()[1].get("state") == "draining")
    assert poller.process.poll() is None
    endpoint.open.set()
    assert poller.process.wait(timeout=20) == 0
    assert broker.committed(function, topic) == 1
    start_poller(broker, endpoint, {function: topic})
    seen = endpoint.wait_for("with what came later", lambda seen: len(seen) >= 2)
    assert [call.offsets for call in seen] == [{f"{topic}-0": [0]}, {f"{topic}-0": [1]}]


@pytest.mark.skipif(sys.platform != "linux", reason="tgkill is Linux's")
def test_given_sigterm_reaches_another_thread_than_the_first_when_polling_then_it_stops(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    """The kernel may give a process's signal to any of its threads."""
    poller = start_poller(broker, endpoint, {function: broker.create_topic(1)})
    poller.wait_until_polling()
    first = poller.process.pid
    other = next(thread.id for thread in psutil.Process(first).threads() if thread.id != first)
    assert ctypes.CDLL(None).tgkill(first, other, signal.SIGTERM) == 0
    assert poller.process.wait(timeout=20) == 0


def test_given_sigkill_during_an_invocation_when_started_again_then_the_batch_is_delivered_again(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "a")
    endpoint.open.clear()
    poller = start_poller(broker, endpoint, {function: topic})
    endpoint.wait_for("once", lambda seen: seen)
    poller.signal(signal.SIGKILL)
    poller.process.wait()
    endpoint.open.set()
    start_poller(broker, endpoint, {function: topic})
    first, second = endpoint.wait_for("again", lambda seen: len(seen) >= 2)
    assert first == second


def test_given_an_invocation_longer_than_the_session_timeout_when_it_ends_then_the_membership_was_kept(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "a")
    endpoint.open.clear()
    poller = start_poller(broker, endpoint, {function: topic})
    endpoint.wait_for("once", lambda seen: seen)
    # By then the broker has evicted a member that sends no heartbeats, and would refuse its commit.
    late = time.monotonic() + 2 * SESSION_TIMEOUT_SECONDS
    eventually("the session would have timed out", lambda: time.monotonic() > late)
    assert poller.health()[0] == 200
    endpoint.open.set()
    eventually("it is committed", lambda: broker.committed(function, topic) == 1)
    assert len(endpoint.invocations) == 1


def test_given_neither_broker_nor_topic_nor_endpoint_when_they_appear_then_it_polls(
    late_broker: Broker, late_endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    poller = start_poller(late_broker, late_endpoint, {function: "late"})
    eventually("the outage is known", lambda: poller.health()[1].get("mappings", [{}])[0].get("last_error"))
    assert poller.health()[0] == 503
    late_broker.start()
    eventually("the topic is missed", lambda: "late does not exist" in poller.log.read_text())
    late_broker.create("late", 3)
    late_broker.produce("late", "a", partition=2)
    eventually(
        "the endpoint is missed", lambda: any(line.get("outcome") == "unreachable" for line in poller.lines())
    )
    late_endpoint.start()
    late_endpoint.wait_for("once", lambda seen: seen)
    eventually("it is committed", lambda: late_broker.committed(function, "late", 2) == 1)
    assert set(poller.wait_until_polling()["mappings"][0]["lag"]) == {"late-0", "late-1", "late-2"}
    warnings = [line["message"] for line in poller.lines() if "not polling" in line["message"]]
    assert len(warnings) == 2


def test_given_a_broker_that_is_gone_when_it_is_back_then_it_polls_again(
    late_broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    late_broker.start()
    late_broker.create("t", 1)
    poller = start_poller(late_broker, endpoint, {function: "t"})
    poller.wait_until_polling()
    late_broker.stop()
    eventually("the outage is known", lambda: poller.health()[0] == 503)
    late_broker.start()
    late_broker.create("t", 1)
    late_broker.produce("t", "a")
    endpoint.wait_for("once", lambda seen: seen)
    poller.wait_until_polling()


def test_given_records_not_yet_processed_when_asked_for_health_then_the_lag_is_there(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(2)
    endpoint.open.clear()
    broker.produce(topic, "a", "b", "c")
    poller = start_poller(broker, endpoint, {function: topic})

    def mapping() -> dict[str, Any]:
        found: dict[str, Any] = poller.wait_until_polling()["mappings"][0]
        return found

    eventually("the lag is known", lambda: mapping()["lag"] == {f"{topic}-0": 3, f"{topic}-1": 0})
    assert mapping()["in_flight"] == 1
    endpoint.open.set()
    eventually("the lag is gone", lambda: mapping()["lag"] == {f"{topic}-0": 0, f"{topic}-1": 0})
    assert mapping() == {
        "state": "polling",
        "function": function,
        "topic": topic,
        "group": function,
        "lag": {f"{topic}-0": 0, f"{topic}-1": 0},
        "in_flight": 0,
        "retries": 0,
        "last_error": None,
        "stopped": {},
    }


def test_given_a_second_poller_when_it_joins_then_both_share_the_partitions_and_nothing_is_lost(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(2)
    pollers = [start_poller(broker, endpoint, {function: topic}) for _ in range(2)]

    def shared() -> bool:
        lags = [poller.health()[1].get("mappings", [{}])[0].get("lag", {}) for poller in pollers]
        return all(len(lag) == 1 for lag in lags)

    eventually("each has one partition", shared)
    broker.produce(topic, "a", partition=0)
    broker.produce(topic, "b", partition=1)
    eventually("all is committed", lambda: all(broker.committed(function, topic, p) == 1 for p in range(2)))
    pollers[0].signal(signal.SIGTERM)
    assert pollers[0].process.wait(timeout=20) == 0
    eventually("the other has both", lambda: len(pollers[1].wait_until_polling()["mappings"][0]["lag"]) == 2)
    broker.produce(topic, "c", partition=0)
    broker.produce(topic, "d", partition=1)
    seen = endpoint.wait_for("with all", lambda seen: sum(len(call.offsets) for call in seen) >= 4)
    assert sorted((label, *rows) for call in seen for label, rows in call.offsets.items()) == [
        (f"{topic}-{partition}", offset) for partition in range(2) for offset in range(2)
    ]


def test_given_a_broker_that_does_not_answer_when_polled_then_health_says_so_until_it_does(
    late_broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    late_broker.start()
    topic = late_broker.create_topic(1)
    poller = start_poller(late_broker, endpoint, {function: topic})
    poller.wait_until_polling()
    assert late_broker.process is not None
    late_broker.process.send_signal(signal.SIGSTOP)

    def silent() -> bool:
        status, body = poller.health()
        return (status, body["mappings"][0]["last_error"]) == (503, "the broker does not answer")

    eventually("the silence is known", silent)
    assert poller.health("readyz")[0] == 503
    assert poller.health("livez")[0] == 200  # a restart would not mend it
    late_broker.process.send_signal(signal.SIGCONT)
    late_broker.produce(topic, "a")
    endpoint.wait_for("once", lambda seen: seen)
    poller.wait_until_polling()
