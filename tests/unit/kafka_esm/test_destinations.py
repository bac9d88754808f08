"""What a failure destination is told of the records that a mapping gave up."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from kafka_esm.consumer.event import encode_event, encode_record
from kafka_esm.delivery.destinations import DestinationError, Failure, Response, open_destination
from kafka_esm.errors import ConfigurationError
from moto import mock_aws

REGION = "us-east-1"
ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield


@pytest.fixture
def failure(record: Any) -> Failure:
    records = [
        encode_record(record(offset, topic="orders", partition=2, timestamp=timestamp, value="ü".encode()))
        for offset, timestamp in ((7, 1_763_800_000_000), (8, 1_763_800_000_500), (9, 1_763_800_001_021))
    ]
    return Failure(
        mapping_id="f89f8514-cdd9-4602-9e1f-01a5b77d449b",
        function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:enrich",
        request_id="316aa6d0-8154-4000-9af7-85d5f4a6bc81",
        condition="RetryAttemptsExhausted",
        invoke_count=11,
        response=Response(200, "Unhandled"),
        bootstrap="h1:9092,h2:9092",
        topic="orders",
        partition=2,
        records=records,
        given_up_at=datetime(2026, 1, 1, 1, 2, 3, 21_999, timezone(timedelta(hours=2))),
    )


def event(failure: Failure) -> bytes:
    return encode_event(failure.bootstrap, {"orders-2": failure.records})


def expected(failure: Failure) -> dict[str, Any]:
    return {
        "requestContext": {
            "requestId": "316aa6d0-8154-4000-9af7-85d5f4a6bc81",
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:enrich",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 11,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2025-12-31T23:02:03.021Z",
        "KafkaBatchInfo": {
            "batchSize": 3,
            "bootstrapServers": "h1:9092,h2:9092",
            "payloadSize": len(event(failure)),
            "recordsInfo": {
                "orders-2": {
                    "firstRecordOffset": "7",
                    "lastRecordOffset": "9",
                    "firstRecordTimestamp": "2025-11-22T08:26:40.000Z",
                    "lastRecordTimestamp": "2025-11-22T08:26:41.021Z",
                }
            },
        },
    }


def send(destination: str, failure: Failure) -> None:
    service = destination.split(":")[2]
    open_destination(destination, f"https://{service}.{REGION}.amazonaws.com", REGION, dict).send(failure)


class Queue:
    """A queue that tells what it received."""

    def __init__(self, name: str = "failures") -> None:
        self._client: Any = boto3.client("sqs", region_name=REGION)
        self.url = self._client.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def bodies(self) -> list[Any]:
        messages = self._client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


def test_given_a_queue_when_records_are_given_up_then_it_gets_the_metadata(failure: Failure) -> None:
    queue = Queue()
    send(queue.arn, failure)
    assert queue.bodies() == [expected(failure)]


def test_given_a_topic_when_records_are_given_up_then_subscribers_get_the_metadata(failure: Failure) -> None:
    queue = Queue()
    sns: Any = boto3.client("sns", region_name=REGION)
    arn = sns.create_topic(Name="failures")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)
    send(arn, failure)
    [notification] = queue.bodies()
    assert json.loads(notification["Message"]) == expected(failure)


def test_given_a_bucket_when_records_are_given_up_then_the_object_has_the_event_too(failure: Failure) -> None:
    s3: Any = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="failures")
    send("arn:aws:s3:::failures", failure)
    send("arn:aws:s3:::failures", failure)
    first, second = (found["Key"] for found in s3.list_objects_v2(Bucket="failures")["Contents"])
    assert first != second
    assert re.fullmatch(
        r"aws/lambda/f89f8514-cdd9-4602-9e1f-01a5b77d449b/orders-2/2025/12/31/2025-12-31T23\.02\.03-[0-9a-f-]{36}",
        first,
    )
    stored = json.loads(s3.get_object(Bucket="failures", Key=first)["Body"].read())
    assert stored == expected(failure) | {"payload": event(failure).decode()}


def test_given_records_that_were_never_sent_when_given_up_then_there_is_no_response(failure: Failure) -> None:
    queue = Queue()
    send(queue.arn, replace(failure, condition="MaximumPayloadSizeExceeded", response=None, invoke_count=0))
    [body] = queue.bodies()
    assert body["responseContext"] is None
    assert body["requestContext"]["condition"] == "MaximumPayloadSizeExceeded"


@pytest.mark.parametrize("timestamp", [2**63 - 1, -(2**63)])
def test_given_a_timestamp_that_is_no_date_when_given_up_then_the_record_is_written_all_the_same(
    timestamp: int, failure: Failure, record: Any
) -> None:
    queue = Queue()
    send(queue.arn, replace(failure, records=[encode_record(record(7, timestamp=timestamp))]))
    [body] = queue.bodies()
    assert body["KafkaBatchInfo"]["recordsInfo"]["orders-2"]["firstRecordTimestamp"] == str(timestamp)


def test_given_the_arn_names_a_region_when_sent_then_it_is_that_ones(failure: Failure) -> None:
    sqs: Any = boto3.client("sqs", region_name="eu-west-1")
    sqs.create_queue(QueueName="failures")
    arn = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:failures"
    open_destination(arn, "https://sqs.eu-west-1.amazonaws.com", REGION, dict).send(failure)


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        (f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone", "NonExistentQueue"),
        (f"arn:aws:sns:{REGION}:{ACCOUNT}:gone", "NotFound"),
        ("arn:aws:s3:::gone", "NoSuchBucket"),
    ],
)
def test_given_a_resource_that_is_gone_when_sent_then_the_error_names_it_and_no_record(
    destination: str, code: str, failure: Failure
) -> None:
    with pytest.raises(DestinationError) as caught:
        send(destination, failure)
    assert destination in str(caught.value)
    assert code in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("destination", [f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "arn:aws:s3:::bucket"])
def test_given_an_endpoint_that_is_down_when_sent_then_the_caller_is_told(
    destination: str, failure: Failure
) -> None:
    opened = open_destination(destination, "http://127.0.0.1:1", REGION, dict)
    with pytest.raises(DestinationError, match="EndpointConnectionError"):
        opened.send(failure)


def test_given_no_broker_when_sent_then_the_caller_is_told(failure: Failure) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        opened = open_destination(
            "kafka://failures", "http://unused", REGION, lambda: {"bootstrap_servers": address}
        )
        with pytest.raises(DestinationError, match="kafka://failures cannot be written"):
            opened.send(failure)


@pytest.mark.parametrize(
    "destination",
    [
        "",
        "failures",
        "kafka://",
        "kafka://.hidden",
        "kafka://a/b",
        "kafka://" + "x" * 250,
        "arn:aws:sqs:us-east-1:123456789012",
        "arn:aws:sqs:us-east-1:1234:q",
        "arn:aws:sqs:us-east-1::q",
        "arn:aws:sns:us-east-1::t",
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "arn:aws:events:us-east-1:123456789012:event-bus/b",
        "arn:aws:s3:::bucket/key",
        "arn:aws:sqs:us-east-1:123456789012:q\n",
    ],
)
def test_given_anything_else_when_opened_then_it_is_refused(destination: str) -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)DestinationConfig: .*is not the ARN"):
        open_destination(destination, "http://127.0.0.1:1", REGION, dict)


@pytest.mark.parametrize("service", ["sqs", "sns"])
def test_given_fifo_when_opened_then_it_is_refused(service: str) -> None:
    with pytest.raises(ConfigurationError, match="is FIFO"):
        open_destination(f"arn:aws:{service}:{REGION}:{ACCOUNT}:x.fifo", "http://127.0.0.1:1", REGION, dict)


def test_given_an_endpoint_that_is_no_url_when_opened_then_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--endpoint-url"):
        open_destination("arn:aws:s3:::bucket", "nonsense", REGION, dict)
