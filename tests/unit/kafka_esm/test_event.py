"""Records become the event that Lambda makes of them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import KafkaSelfManagedEventModel
from hypothesis import given
from hypothesis import strategies as st
from kafka_esm.consumer.event import encode_event, encode_record

CANONICAL = Path(__file__).parents[2] / "events" / "kafka" / "two_partitions.json"


@pytest.fixture
def canonical() -> dict[str, Any]:
    event: dict[str, Any] = json.loads(CANONICAL.read_text(encoding="utf-8"))
    return event


def rebuilt(record: Any, made: dict[str, Any]) -> Any:
    return record(
        topic=made["topic"],
        partition=made["partition"],
        offset=made["offset"],
        timestamp=made["timestamp"],
        timestamp_type=["CREATE_TIME", "LOG_APPEND_TIME"].index(made["timestampType"]),
        key=base64.b64decode(made["key"]),
        value=base64.b64decode(made["value"]),
        headers=[
            (name, bytes(b % 256 for b in value))
            for header in made["headers"]
            for name, value in header.items()
        ],
    )


def test_given_the_records_of_a_real_event_when_encoded_then_it_is_the_same_event(
    canonical: dict[str, Any], record: Any
) -> None:
    groups = {
        label: [encode_record(rebuilt(record, made)) for made in group]
        for label, group in canonical["records"].items()
    }
    payload = encode_event(canonical["bootstrapServers"], groups)
    # As text, so that the order of fields and the absence of spaces count, too.
    assert payload.decode() == json.dumps(canonical, separators=(",", ":"), ensure_ascii=False)


def test_given_an_event_when_read_by_powertools_then_it_is_a_self_managed_kafka_event(record: Any) -> None:
    rows = [encode_record(record(7, headers=[("h", b"\xff\x00a")], value="zoë".encode()))]
    event = KafkaSelfManagedEventModel.model_validate_json(encode_event("a:1,b:2", {"t-0": rows}))
    (read,) = event.records["t-0"]
    assert event.bootstrapServers == ["a:1", "b:2"]
    assert (read.offset, read.key, read.value, read.headers) == (7, b"k", "zoë", [{"h": b"\xff\x00a"}])


def test_given_no_key_and_no_value_when_encoded_then_both_are_absent(record: Any) -> None:
    made = json.loads(encode_record(record(1, key=None, value=None)))
    assert "key" not in made
    assert "value" not in made
    assert made["headers"] == []


def test_given_an_empty_key_and_value_when_encoded_then_both_are_empty_strings(record: Any) -> None:
    made = json.loads(encode_record(record(1, key=b"", value=b"")))
    assert (made["key"], made["value"]) == ("", "")


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "CREATE_TIME"), (1, "LOG_APPEND_TIME"), (None, "NO_TIMESTAMP_TYPE"), (-1, "NO_TIMESTAMP_TYPE")],
)
def test_given_a_timestamp_type_when_encoded_then_it_has_its_name(
    record: Any, number: int | None, name: str
) -> None:
    assert json.loads(encode_record(record(1, timestamp_type=number)))["timestampType"] == name


def test_given_repeated_headers_when_encoded_then_all_are_kept_in_order(record: Any) -> None:
    made = json.loads(encode_record(record(1, headers=[("a", b"1"), ("b", None), ("a", b"2")])))
    assert made["headers"] == [{"a": [49]}, {"b": []}, {"a": [50]}]


@given(value=st.binary(max_size=300))
def test_given_any_bytes_when_encoded_then_headers_are_signed_and_values_come_back(
    record: Any, value: bytes
) -> None:
    made = json.loads(encode_record(record(1, value=value, headers=[("h", value)])))
    assert base64.b64decode(made["value"]) == value
    assert all(-128 <= b <= 127 for b in made["headers"][0]["h"])
    assert bytes(b % 256 for b in made["headers"][0]["h"]) == value


def test_given_no_timestamp_when_encoded_then_it_is_kafkas_number_for_none(record: Any) -> None:
    assert json.loads(encode_record(record(0, timestamp=None)))["timestamp"] == -1
