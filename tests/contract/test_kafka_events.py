"""Records as CloudEvents, and the batches in tests/events as Lambda delivers them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aws_lambda_powertools.utilities.data_classes import KafkaEvent
from aws_lambda_powertools.utilities.parser.models import KafkaSelfManagedEventModel
from mesh import paths
from users.consumer.dead_letters import Poison, dead_letter
from users.consumer.received import received
from users.events import (
    PoisonRecordError,
    Record,
    UserChanged,
    parse,
    user_created,
    user_deleted,
    user_updated,
)

from tests.people import ALICE

BATCHES = sorted((paths.ROOT / "tests" / "events" / "kafka").glob("*.json"))
CONTEXT = {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_tenantid", "content-type"}


def batch(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return event


def read(event: dict[str, Any]) -> list[str]:
    """Say of every record whom it announces, that it is poison, or that it is passed over."""
    said = []
    for record in KafkaEvent(event).records:
        try:
            announced = parse(*received(record).record)
            said.append(announced.name if isinstance(announced, UserChanged) else "passed over")
        except PoisonRecordError:
            said.append("poison")
    return said


def poison(event: dict[str, Any]) -> list[Poison]:
    found = []
    for record in map(received, KafkaEvent(event).records):
        try:
            parse(*record.record)
        except PoisonRecordError as error:
            found.append(Poison(record, error))
    return found


@pytest.mark.parametrize(
    ("record", "type_", "source"),
    [
        (user_created(ALICE), "user.created", "/users/create"),
        (user_updated(ALICE), "user.updated", "/users"),
        (user_deleted("tenant-a", 123, 2), "user.deleted", "/users"),
    ],
    ids=["created", "updated", "deleted"],
)
def test_given_a_change_when_announced_then_the_headers_are_cloudevents_1_in_binary_mode(
    record: Record, type_: str, source: str
) -> None:
    headers = {name: value.decode() for name, value in record.headers}
    assert headers.keys() == CONTEXT
    assert len(record.headers) == len(headers)
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == type_
    assert headers["ce_source"] == source
    assert headers["ce_tenantid"] == "tenant-a"
    assert headers["content-type"] == "application/json"
    assert UUID(headers["ce_id"])
    assert headers["ce_time"].endswith("Z")
    assert datetime.fromisoformat(headers["ce_time"]).tzinfo == UTC
    assert record.key == b"tenant-a:123"


def test_there_are_batches() -> None:
    assert [path.stem for path in BATCHES] == ["poison_between_good", "two_partitions"]


@pytest.mark.parametrize("path", BATCHES, ids=lambda path: path.stem)
def test_given_a_batch_when_powertools_reads_it_then_it_is_a_self_managed_kafka_event(path: Path) -> None:
    event = batch(path)
    for records in event["records"].values():  # Powertools' model knows no tombstone
        records[:] = [record for record in records if "value" in record]
    model = KafkaSelfManagedEventModel.model_validate(event)
    for group, records in model.records.items():
        assert {f"{record.topic}-{record.partition}" for record in records} == {group}
        offsets = [record.offset for record in records]
        assert offsets == sorted(set(offsets))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (BATCHES[0], ["Good One", *["poison"] * 5, "Good Two", "passed over"]),
        (BATCHES[1], ["Alice Chen", "Bob Okafor", "Zoë Müller"]),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_given_a_batch_when_read_then_its_good_records_are_events(path: Path, names: list[str]) -> None:
    assert read(batch(path)) == names


def test_given_a_record_of_the_batches_when_compared_to_ours_then_it_has_the_same_headers() -> None:
    (path,) = [path for path in BATCHES if path.stem == "two_partitions"]
    ours = {name for name, _ in user_created(ALICE).headers}
    for record in KafkaEvent(batch(path)).records:
        assert ours <= set(record.decoded_headers)


def test_given_poison_of_a_batch_when_it_is_a_dead_letter_then_it_has_the_shape_of_the_design() -> None:
    (path,) = [path for path in BATCHES if path.stem == "poison_between_good"]
    found = poison(batch(path))
    assert [each.error.reason for each in found] == [
        "not-json",
        "unknown-type",
        "tenant-mismatch",
        "no-key",
        "wrong-schema",
    ]
    for each in found:
        letter = dead_letter(each)
        assert letter[:2] == each.received.record[:2]
        assert letter.headers[:-6] == each.received.record.headers
        headers = {name: value.decode() for name, value in letter.headers[-6:]}
        time = headers.pop("dlq-time")
        assert headers == {
            "dlq-reason": each.error.reason,
            "dlq-error": str(each.error),
            "dlq-topic": "user.events",
            "dlq-partition": "0",
            "dlq-offset": str(each.received.offset),
        }
        assert time.endswith("Z")
        assert datetime.fromisoformat(time).tzinfo == UTC
