"""What becomes of records that do not get through, from the broker to the destination."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.kafka_esm.conftest import Broker, Endpoint, RefusingBroker, StartPoller

ERROR = json.dumps({"errorType": "ValueError", "errorMessage": "the secret"}).encode()


def failing_for(answer: Any, label: str, *offsets: int) -> Callable[[Any], Any]:
    """The function fails as long as any of these records is in the event."""
    return lambda call: answer(body=ERROR) if set(offsets) & set(call.offsets.get(label, ())) else None


def named(label: str, *offsets: int) -> bytes:
    """What a function answers that names failed records."""
    identifiers = [{"partition": label, "offset": offset} for offset in offsets]
    return json.dumps({"batchItemFailures": [{"itemIdentifier": row} for row in identifiers]}).encode()


def test_given_a_partition_that_always_fails_when_others_have_records_then_they_go_on(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, answer: Any, eventually: Any
) -> None:
    topic = broker.create_topic(3)
    endpoint.behave = failing_for(answer, f"{topic}-0", 0)
    for partition in range(3):
        broker.produce(topic, "a", "b", "c", partition=partition)
    poller = start_poller(broker, endpoint, {function: topic}, {"BatchSize": 2})
    for partition in (1, 2):
        eventually(
            "it is committed", lambda partition=partition: broker.committed(function, topic, partition) == 3
        )
    eventually("it is tried again", lambda: poller.health()[1]["mappings"][0]["retries"] >= 3)
    assert broker.committed(function, topic, 0) is None


def test_given_a_function_that_runs_when_another_partition_has_records_then_it_is_invoked_meanwhile(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(3)
    endpoint.open.clear()
    poller = start_poller(broker, endpoint, {function: topic}, arguments=["--max-concurrency", "2"])
    broker.produce(topic, "a", partition=0)
    endpoint.wait_for("with the first", lambda seen: len(seen) == 1)
    broker.produce(topic, "b", partition=0)
    broker.produce(topic, "a", partition=1)
    endpoint.wait_for("with the other partition", lambda seen: len(seen) == 2)
    broker.produce(topic, "a", partition=2)
    eventually(
        "all is seen", lambda: sum(n or 0 for n in poller.health()[1]["mappings"][0]["lag"].values()) == 4
    )
    # Neither the same partition twice, nor more than the bound.
    assert [call.offsets for call in endpoint.invocations] == [{f"{topic}-0": [0]}, {f"{topic}-1": [0]}]
    assert poller.health()[1]["mappings"][0]["in_flight"] == 2
    endpoint.open.set()
    eventually(
        "all is committed", lambda: [broker.committed(function, topic, p) for p in range(3)] == [2, 1, 1]
    )


@pytest.mark.parametrize(("reading", "retried"), [("from-first", [1, 2, 3]), ("only-named", [1, 3])])
def test_given_named_failures_when_retried_then_the_reading_says_what_goes_again(
    broker: Broker,
    endpoint: Endpoint,
    start_poller: StartPoller,
    function: str,
    answer: Any,
    eventually: Any,
    reading: str,
    retried: list[int],
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "a", "b", "c", "d")
    endpoint.script[function] = [answer(body=named(f"{topic}-0", 1, 3))]
    start_poller(
        broker,
        endpoint,
        {function: topic},
        {"FunctionResponseTypes": ["ReportBatchItemFailures"]},
        ["--item-failures", reading],
    )
    seen = endpoint.wait_for("twice", lambda seen: len(seen) >= 2)
    assert [call.offsets[f"{topic}-0"] for call in seen] == [[0, 1, 2, 3], retried]
    eventually("all is committed", lambda: broker.committed(function, topic) == 4)


def test_given_a_failure_id_that_is_unknown_when_answered_then_the_whole_batch_is_retried(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, answer: Any
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "a", "b")
    endpoint.script[function] = [answer(body=named(f"{topic}-0", 99))]
    properties = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
    start_poller(broker, endpoint, {function: topic}, properties)
    first, second = endpoint.wait_for("twice", lambda seen: len(seen) >= 2)
    assert first == second


def test_given_a_poison_record_when_bisected_and_out_of_retries_then_it_alone_goes_to_the_dead_letter_topic(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, answer: Any, eventually: Any
) -> None:
    topic, dead = broker.create_topic(1), broker.create_topic(1)
    endpoint.behave = failing_for(answer, f"{topic}-0", 2)
    broker.produce(topic, "a", "b", "poison", "d")
    poller = start_poller(
        broker,
        endpoint,
        {function: topic},
        {
            "MaximumRetryAttempts": 1,
            "BisectBatchOnFunctionError": True,
            "DestinationConfig": {"OnFailure": {"Destination": f"kafka://{dead}"}},
        },
    )
    eventually("it goes on after it", lambda: broker.committed(function, topic) == 4)
    (record,) = broker.consume(dead, 1)
    document = json.loads(record.value)
    context = document["requestContext"]
    assert context["functionArn"].endswith(f":function:{function}")
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 4)
    assert [row["offset"] for row in document["payload"]["records"][f"{topic}-0"]] == [2]
    tried = [call.offsets[f"{topic}-0"] for call in endpoint.invocations]
    assert tried == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [2], [3]]

    def count(name: str) -> float:
        return poller.metrics()[f"kafka_esm_{name}{sorted([function, topic])}"]

    eventually("it is counted", lambda: count("records_dead_lettered_total") == 1)
    assert (count("records_polled_total"), count("records_delivered_total")) == (4, 3)
    assert (count("invoke_seconds_count"), count("batch_records_sum")) == (6, 11)
    assert poller.metrics()[f"kafka_esm_consumer_lag_records{sorted([function, topic, '0'])}"] == 0


def test_given_a_record_alone_too_large_when_there_is_a_destination_then_it_goes_there_and_the_rest_goes_on(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic, dead = broker.create_topic(1), broker.create_topic(1)
    broker.produce(topic, "a", "x" * 5_000_000, "c")
    destination = {"DestinationConfig": {"OnFailure": {"Destination": f"kafka://{dead}"}}}
    start_poller(broker, endpoint, {function: topic}, destination)
    eventually("it goes on after it", lambda: broker.committed(function, topic) == 3)
    (record,) = broker.consume(dead, 1)
    assert json.loads(record.value)["requestContext"]["condition"] == "MaximumPayloadSizeExceeded"
    assert [call.offsets for call in endpoint.invocations] == [{f"{topic}-0": [0]}, {f"{topic}-0": [2]}]


def test_given_records_that_are_too_old_when_there_is_no_destination_then_they_are_discarded(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "old", timestamp_ms=1_700_000_000_000)
    broker.produce(topic, "new")
    poller = start_poller(broker, endpoint, {function: topic}, {"MaximumRecordAgeInSeconds": 3_600})
    eventually("all is committed", lambda: broker.committed(function, topic) == 2)
    assert [call.offsets for call in endpoint.invocations] == [{f"{topic}-0": [1]}]
    (line,) = [line for line in poller.lines() if line["message"] == "batch given up"]
    assert (line["condition"], line["partitions"]) == ("RecordAgeExceeded", {"0": [0, 0]})


def test_given_filters_when_records_match_none_then_they_count_as_done(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, eventually: Any
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, '{"a": 2}', '{"a": 1}', '{"a": 2}', '{"a": 3}')
    criteria = {"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"value": {"a": [1]}})}]}}
    poller = start_poller(broker, endpoint, {function: topic}, criteria)
    eventually("all is committed", lambda: broker.committed(function, topic) == 4)
    assert [call.offsets for call in endpoint.invocations] == [{f"{topic}-0": [1]}]
    assert poller.metrics()[f"kafka_esm_records_filtered_total{sorted([function, topic])}"] == 3


def test_given_a_broker_that_refuses_the_password_when_started_then_it_stops_with_a_message(
    refusing_broker: RefusingBroker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    endpoint.secret = json.dumps({"username": "u", "password": "the password"})
    access = {"SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:x"}]}
    poller = start_poller(refusing_broker, endpoint, {function: "t"}, access, ["--kafka-plaintext"])
    assert poller.process.wait(timeout=30) == 3
    last = poller.log.read_text().splitlines()[-1]
    assert last.startswith("kafka_esm: t: Kafka refuses the credentials: ")
    assert "the password" not in poller.log.read_text()
    assert refusing_broker.refused
