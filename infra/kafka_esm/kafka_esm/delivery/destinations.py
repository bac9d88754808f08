"""Failure destinations: where records go that a mapping has given up, in the shapes that AWS documents.

SQS, SNS and S3 get one document for the records of one partition, a Kafka topic one message for each record:

- https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
- https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html

AWS says how it names S3 objects for streams only, where a shard is what a partition is here:

- https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from botocore.config import Config
from botocore.exceptions import ClientError
from kafka import KafkaProducer
from kafka.net.compat import KafkaNetClient

from kafka_esm import aws
from kafka_esm.consumer.event import encode_event, partition_label
from kafka_esm.errors import ConfigurationError

# The first two are documented. AWS gives no name for records that became too old; this is the one in records
# that people have received.
Condition = Literal["RetryAttemptsExhausted", "MaximumPayloadSizeExceeded", "RecordAgeExceeded"]
# AWS's example for a topic names this one differently.
_TOPIC_CONDITIONS = {"RetryAttemptsExhausted": "RetriesExhausted"}

_ARN = re.compile(
    r"arn:aws[a-zA-Z0-9-]*:"
    r"(?:(?P<service>sqs|sns):(?P<region>[a-z0-9-]+):(?P<account>\d{12})|s3::):"
    r"(?P<name>[A-Za-z0-9._-]+)"
)
_TOPIC = re.compile(r"kafka://(?P<name>[^.][a-zA-Z0-9\-_.]{0,248})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BOOTSTRAP_MS = 2_000
_DELIVERY_MS = 5_000
# What brokers accept in one request by default; how large a message may be, they say themselves.
_REQUEST_BYTES = 100 * 1024 * 1024


class DestinationError(Exception):
    """The records could not be written; the caller has to try again, or they are lost."""


@dataclass(frozen=True, slots=True)
class Response:
    """How the last invocation ended."""

    status_code: int
    function_error: str | None = None
    executed_version: str = "$LATEST"


@dataclass(frozen=True, slots=True)
class Failure:
    """Records of one partition that are given up, in order, and why."""

    mapping_id: str
    function_arn: str
    # Of the last invocation, if there was one.
    request_id: str
    condition: Condition
    invoke_count: int
    # None if the records never got as far as an answer.
    response: Response | None
    bootstrap: str
    topic: str
    partition: int
    # As they stand in the event (encode_record).
    records: Sequence[bytes]
    given_up_at: datetime
    # Of the cluster, if MSK has it.
    event_source_arn: str | None = None

    @property
    def label(self) -> str:
        """The partition's key in the event."""
        return partition_label(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where failures are written."""

    name: str
    _write: Callable[[Failure], None]

    def send(self, failure: Failure) -> None:
        """Write a failure; what is sent again after an error may be there twice.

        Raises:
            DestinationError: not all of it is known to be written.

        """
        try:
            self._write(failure)
        except ClientError as exc:
            raise DestinationError(
                f"the failure destination {self.name} refuses the record: {aws.error_code(exc)}"
            ) from None
        except Exception as exc:
            # Besides errors of their own, boto3 and kafka-python raise whatever a strange answer leads to.
            what = type(exc).__name__
            raise DestinationError(f"the failure destination {self.name} cannot be written: {what}") from None


def check_destination(destination: str) -> None:
    """Check that records can be written to what OnFailure names, as far as its name tells.

    Raises:
        ConfigurationError: it is not the ARN of a standard queue, a standard topic or a bucket, and not
            kafka://topic.

    """
    if _TOPIC.fullmatch(destination):
        return
    found = _ARN.fullmatch(destination)
    if found is None:
        raise ConfigurationError(
            f"DestinationConfig: {destination} is not the ARN of an SQS queue, an SNS topic or an S3 bucket, "
            "and not kafka://topic"
        )
    if found["name"].endswith(".fifo"):
        raise ConfigurationError(
            f"DestinationConfig: {destination} is FIFO; only standard queues and topics work"
        )


def open_destination(
    destination: str, endpoint_url: str, region: str, kafka_config: Callable[[], Mapping[str, Any]]
) -> Destination:
    """Return the destination that OnFailure names; nothing is connected before the first failure.

    `kafka_config` gives kafka-python's options for the cluster, which is the source's: bootstrap_servers, and
    what `kafka_security` returns.

    Raises:
        ConfigurationError: it is none that `check_destination` accepts.

    """
    check_destination(destination)
    if found := _TOPIC.fullmatch(destination):
        topic = found["name"]
        return Destination(destination, lambda failure: _to_topic(kafka_config, topic, failure))
    found = _ARN.fullmatch(destination)
    assert found is not None
    name, account = found["name"], found["account"]
    service = found["service"] or "s3"
    client = _client(service, endpoint_url, found["region"] or region)

    def to_queue(failure: Failure) -> None:
        url = client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody=json.dumps(_batch_document(failure)))

    def to_sns(failure: Failure) -> None:
        client.publish(TopicArn=destination, Message=json.dumps(_batch_document(failure)))

    def to_bucket(failure: Failure) -> None:
        document = _batch_document(failure) | {"payload": _event(failure, failure.records).decode()}
        client.put_object(Bucket=name, Key=_object_key(failure), Body=json.dumps(document).encode())

    return Destination(destination, {"sqs": to_queue, "sns": to_sns, "s3": to_bucket}[service])


def _client(service: str, endpoint_url: str, region: str) -> Any:
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        # The caller tries again.
        retries={"total_max_attempts": 1},
        # Emulators have no host name for every bucket.
        s3={"addressing_style": "path"},
    )
    return aws.client(service, endpoint_url, region, config)


def _batch_document(failure: Failure) -> dict[str, Any]:
    first, last = json.loads(failure.records[0]), json.loads(failure.records[-1])
    info = {
        "firstRecordOffset": str(first["offset"]),
        "lastRecordOffset": str(last["offset"]),
        "firstRecordTimestamp": _since_epoch(first["timestamp"]),
        "lastRecordTimestamp": _since_epoch(last["timestamp"]),
    }
    return _document(failure, failure.condition, failure.records, {"recordsInfo": {failure.label: info}})


def _record_document(failure: Failure, record: bytes) -> dict[str, Any]:
    fields = json.loads(record)
    condition = _TOPIC_CONDITIONS.get(failure.condition, failure.condition)
    info = {"offset": str(fields["offset"]), "timestamp": _since_epoch(fields["timestamp"])}
    document = _document(failure, condition, [record], {"recordInfo": info})
    return document | {"payload": json.loads(_event(failure, [record]))}


def _document(
    failure: Failure, condition: str, records: Sequence[bytes], info: Mapping[str, Any]
) -> dict[str, Any]:
    response = failure.response
    return {
        "requestContext": {
            "requestId": failure.request_id,
            "functionArn": failure.function_arn,
            "condition": condition,
            "approximateInvokeCount": failure.invoke_count,
        },
        "responseContext": response
        and {
            "statusCode": response.status_code,
            "executedVersion": response.executed_version,
            "functionError": response.function_error,
        },
        "version": "1.0",
        "timestamp": _iso(failure.given_up_at),
        "KafkaBatchInfo": {
            "batchSize": len(records),
            "bootstrapServers": failure.bootstrap,
            # A cluster of one's own has none.
            **({"eventSourceArn": failure.event_source_arn} if failure.event_source_arn else {}),
            "payloadSize": len(_event(failure, records)),
            **info,
        },
    }


def _event(failure: Failure, records: Sequence[bytes]) -> bytes:
    return encode_event(failure.bootstrap, {failure.label: records}, failure.event_source_arn)


def _object_key(failure: Failure) -> str:
    at = failure.given_up_at.astimezone(UTC)
    folder = f"aws/lambda/{failure.mapping_id}/{failure.label}/{at:%Y/%m/%d}"
    return f"{folder}/{at:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _since_epoch(milliseconds: int) -> str:
    try:
        return _iso(_EPOCH + timedelta(milliseconds=milliseconds))
    except OverflowError:
        # Producers may set any number; one that is no date must not keep the record from being written.
        return str(milliseconds)


def _to_topic(kafka_config: Callable[[], Mapping[str, Any]], topic: str, failure: Failure) -> None:
    # Failures are rare: a producer for each needs no upkeep, and is not broken by what happened to the last.
    messages = [
        (_key(record), json.dumps(_record_document(failure, record)).encode()) for record in failure.records
    ]
    clients: list[Any] = []

    def client(**config: Any) -> Any:
        clients.append(KafkaNetClient(**config))
        return clients[-1]

    try:
        producer = KafkaProducer(
            **kafka_config(),
            client_id="kafka-esm-failures",
            acks="all",
            # The caller tries again. With idempotence kafka-python never gives up on a broker that is gone.
            enable_idempotence=False,
            retries=0,
            # AWS wants the topic to exist.
            allow_auto_create_topics=False,
            # Brokers limit a message's size after compression, which makes up for base64.
            compression_type="gzip",
            max_request_size=_REQUEST_BYTES,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            max_block_ms=_BOOTSTRAP_MS,
            request_timeout_ms=_DELIVERY_MS,
            delivery_timeout_ms=_DELIVERY_MS,
            metrics_enabled=False,
            kafka_client=client,
        )
    except BaseException:
        # A producer that fails to be built leaves its I/O thread behind.
        for leftover in clients:
            leftover.close()
        raise
    try:
        sent = [producer.send(topic, key=key, value=value) for key, value in messages]
        for future in sent:
            future.get(timeout=_DELIVERY_MS / 1000)
    finally:
        producer.close()


def _key(record: bytes) -> bytes | None:
    key = json.loads(record).get("key")
    return None if key is None else base64.b64decode(key)
