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
from users.events import PoisonRecordError, parse, user_created

from tests.people import ALICE

BATCHES = sorted((paths.ROOT / "tests" / "events" / "kafka").glob("*.json"))
CONTEXT = {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_tenantid", "content-type"}


def batch(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return event


def read(event: dict[str, Any]) -> list[str]:
    """Say of every record whom it announces, or that it is poison."""
    said = []
    for record in KafkaEvent(event).records:
        value = record.decoded_value if "value" in record else None
        try:
            said.append(parse(record.decoded_key, value, record.decoded_headers).name)
        except PoisonRecordError:
            said.append("poison")
    return said


def test_given_a_user_when_announced_then_the_headers_are_cloudevents_1_in_binary_mode() -> None:
    record = user_created(ALICE)
    headers = {name: value.decode() for name, value in record.headers}
    assert headers.keys() == CONTEXT
    assert len(record.headers) == len(headers)
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == "user.created"
    assert headers["ce_source"] == "/users/create"
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
        (BATCHES[0], ["Good One", *["poison"] * 5, "Good Two"]),
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
