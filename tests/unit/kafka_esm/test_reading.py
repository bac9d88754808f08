"""Record batches that a partition may hold, and that stop nothing but that partition."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, TopicAuthorizationFailedError
from kafka.record import MemoryRecords
from kafka_esm.consumer.reading import note_unreadable

from tests.unit.kafka_esm.record_batches import GZIP, LZ4, SNAPPY, UNKNOWN, ZSTD, batch, coded

TP = TopicPartition("t", 0)


def read(*batches: bytes) -> tuple[list[Any], dict[TopicPartition, Any]]:
    """Return the records that come out of a fetch, and what is noted."""
    fetcher = SimpleNamespace(_parse_fetched_data=None)
    noted = note_unreadable(fetcher)
    part = fetcher.PartitionRecords(0, TP, MemoryRecords(b"".join(batches)))  # type: ignore[attr-defined]
    records = []
    while part:
        records += part.take()
    return records, noted


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_given_a_compressed_batch_larger_than_a_codecs_buffer_when_read_then_its_records_come(
    codec: int,
) -> None:
    values = [bytes([n]) * 400_000 for n in range(5)]
    records, noted = read(batch(0, *values, codec=codec))
    assert [record.value for record in records] == values
    assert noted == {}


def test_given_a_header_name_that_is_not_utf8_when_read_then_it_has_the_replacement_character() -> None:
    headers = [("good", b"1"), ("trXY", b"\xff"), ("after", None)]
    odd = batch(0, b"a", b"b", headers=headers, change=lambda data: data.replace(b"trXY", b"tr\xff\xc3"))
    records, noted = read(odd, batch(2, b"c", headers=[("é", b"")]))
    assert [record.headers for record in records] == [
        [("good", b"1"), ("tr\ufffd\ufffd", b"\xff"), ("after", None)],
        [("good", b"1"), ("tr\ufffd\ufffd", b"\xff"), ("after", None)],
        [("é", b"")],
    ]
    assert [type(record.value) for record in records] == [bytes] * 3
    assert noted == {}


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (batch(2, b"x", change=coded(UNKNOWN)), "UnsupportedCodecError (Unrecognized compression type: 5)"),
        (batch(2, b"x", change=coded(ZSTD)), "ZstdError"),
        (batch(2, b"secret")[:-1] + b"!", "CorruptRecordError (Record batch"),
        (batch(2, b"x", change=lambda data: data[:-1] + b"\x01"), "CorruptRecordError (Found invalid number"),
        (batch(2, b"x", change=lambda data: data[:-1] + b"\x02"), "CorruptRecordError (Found invalid record"),
    ],
    ids=["unknown codec", "not what the codec says", "checksum", "headers", "cut short"],
)
def test_given_a_batch_that_cannot_be_read_when_read_then_what_is_before_it_comes_and_it_is_noted(
    spoilt: bytes, why: str
) -> None:
    records, noted = read(batch(0, b"a", b"b"), spoilt, batch(3, b"never"))
    assert [record.offset for record in records] == [0, 1]
    assert noted[TP].offset == 2
    assert noted[TP].why.startswith(why)
    assert "secret" not in noted[TP].why


def test_given_an_error_of_one_partition_when_parsed_then_it_is_noted_but_refused_access_is_raised() -> None:
    def parse(completed: Any) -> Any:
        raise completed.error

    fetcher: Any = SimpleNamespace(_parse_fetched_data=parse)
    noted = note_unreadable(fetcher)
    broken = SimpleNamespace(topic_partition=TP, fetched_offset=7, error=CorruptRecordError("on disk"))
    assert fetcher._parse_fetched_data(broken) is None
    assert noted[TP] == (7, "CorruptRecordError (on disk)")
    refused = SimpleNamespace(topic_partition=TP, fetched_offset=7, error=TopicAuthorizationFailedError())
    with pytest.raises(TopicAuthorizationFailedError):
        fetcher._parse_fetched_data(refused)


def test_given_kafka_python_when_it_is_changed_then_what_is_replaced_of_it_is_still_there() -> None:
    assert {"_parse_fetched_data", "PartitionRecords"} <= set(vars(Fetcher))
    assert {"take", "_unpack_records", "drain"} <= set(vars(Fetcher.PartitionRecords))
