"""A Kafka topic as the failure destination, on a real broker."""

import json
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka_esm.consumer.event import encode_event, encode_record
from kafka_esm.delivery.destinations import DestinationError, Failure, Response, open_destination

BOOTSTRAP = "h1:9092"


def failure(*records: bytes) -> Failure:
    return Failure(
        mapping_id="id",
        function_arn="arn:aws:lambda:us-east-1:123456789012:function:enrich",
        request_id="e4b46cbf-b738-4000-8880-a18cdf61200e",
        condition="RetryAttemptsExhausted",
        invoke_count=3,
        response=Response(200, "Unhandled"),
        bootstrap=BOOTSTRAP,
        topic="orders",
        partition=2,
        records=records,
        given_up_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def encoded(offset: int, key: bytes | None, value: bytes | None) -> bytes:
    return encode_record(
        SimpleNamespace(
            topic="orders",
            partition=2,
            offset=offset,
            timestamp=1_763_800_000_000 + offset,
            timestamp_type=0,
            key=key,
            value=value,
            headers=[("h", b"\xff")],
        )
    )


def consumed(address: str, topic: str, count: int) -> list[Any]:
    consumer = KafkaConsumer(
        bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        return [message for _, message in zip(range(count), consumer, strict=False)]
    finally:
        consumer.close(autocommit=False)


def test_given_a_topic_when_records_are_given_up_then_each_is_a_message_with_its_own_key(broker: Any) -> None:
    topic = broker.create_topic(partitions=3)
    records = [encoded(7, b"k", b"v"), encoded(8, b"k", None), encoded(9, None, b"x" * 1_000_000)]
    destination = open_destination(
        f"kafka://{topic}", "http://unused", "us-east-1", lambda: {"bootstrap_servers": broker.address}
    )
    destination.send(failure(*records))

    messages = {
        json.loads(message.value)["payload"]["records"]["orders-2"][0]["offset"]: message
        for message in consumed(broker.address, topic, 3)
    }
    assert {offset: message.key for offset, message in messages.items()} == {7: b"k", 8: b"k", 9: None}
    assert messages[7].partition == messages[8].partition
    assert messages[7].offset < messages[8].offset
    event = encode_event(BOOTSTRAP, {"orders-2": [records[0]]})
    assert json.loads(messages[7].value) == {
        "requestContext": {
            "requestId": "e4b46cbf-b738-4000-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:enrich",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "KafkaBatchInfo": {
            "batchSize": 1,
            "bootstrapServers": BOOTSTRAP,
            "payloadSize": len(event),
            "recordInfo": {"offset": "7", "timestamp": "2025-11-22T08:26:40.007Z"},
        },
        "payload": json.loads(event),
    }


def test_given_the_broker_dies_while_writing_when_sent_then_the_caller_is_told_and_no_thread_is_left(
    late_broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    late_broker.start()
    topic = late_broker.create_topic()
    before = set(threading.enumerate())
    interrupted: list[bool] = []

    send = KafkaProducer.send

    def sent(producer: Any, *arguments: Any, **options: Any) -> Any:
        if not interrupted:
            late_broker.stop()
            interrupted.append(True)
        return send(producer, *arguments, **options)

    monkeypatch.setattr(KafkaProducer, "send", sent)
    destination = open_destination(
        f"kafka://{topic}", "http://unused", "us-east-1", lambda: {"bootstrap_servers": late_broker.address}
    )
    with pytest.raises(DestinationError, match=topic):
        destination.send(failure(encoded(7, b"k", b"v")))
    assert interrupted
    assert set(threading.enumerate()) <= before
