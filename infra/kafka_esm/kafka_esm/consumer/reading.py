"""What kafka-python's fetcher does with record batches that it cannot read.

By itself it raises out of `poll`, whichever partition the batch is of, and so stops all of them.
"""

from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import AuthorizationError, KafkaError
from kafka.record.default_records import DefaultRecordBatch


class Unreadable(NamedTuple):
    """From which offset on a partition cannot be read, and why."""

    offset: int
    why: str


class _Text(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


class _LenientBuffer(bytearray):
    """Text that is cut out of it is read as Java reads it: U+FFFD for what is not UTF-8."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Text(found) if isinstance(index, slice) else found


class _Batch(DefaultRecordBatch):  # type: ignore[misc]  # kafka-python is not typed
    """A batch whose header names may be any bytes."""

    __slots__ = ()

    def _read_msg(self, *args: Any) -> Any:
        try:
            return super()._read_msg(*args)
        except UnicodeDecodeError:
            self._buffer = _LenientBuffer(self._buffer)  # type: ignore[misc,has-type]  # slow: from here on only
            return super()._read_msg(*args)


class _Batches:
    """Fetched record batches, each able to read any header name."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        if type(batch) is DefaultRecordBatch:
            batch.__class__ = _Batch
        return batch


def note_unreadable(fetcher: Any) -> dict[TopicPartition, Unreadable]:
    """Let a fetcher go on with other partitions when it cannot read one.

    Returns what it notes such partitions in. Nothing before the noted offset is missed, and nothing after
    it is read; the fetcher asks for it again and again, unless the partition is paused.
    """
    noted: dict[TopicPartition, Unreadable] = {}
    parse = fetcher._parse_fetched_data

    class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python is not typed
        def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Any:
            return super()._unpack_records(tp, _Batches(records), *deserializers)

        def take(self, n: int | None = None) -> Any:
            try:
                return super().take(n)
            except Exception as exc:
                noted[self.topic_partition] = Unreadable(self.next_fetch_offset, _why(exc))
                self.drain()
                return []

    def parse_or_note(completed: Any) -> Any:
        try:
            return parse(completed)
        except AuthorizationError:
            raise
        except Exception as exc:
            noted[completed.topic_partition] = Unreadable(completed.fetched_offset, _why(exc))
            return None

    fetcher.PartitionRecords = PartitionRecords
    fetcher._parse_fetched_data = parse_or_note
    return noted


def _why(exc: Exception) -> str:
    """Say what is wrong without what the record holds, which Python's own errors quote after a colon."""
    what = str(exc.args[0]).partition(": ")[0] if isinstance(exc, KafkaError) and exc.args else ""
    if "codec" in type(exc).__name__.lower():
        what = str(exc.args[0]) if exc.args else ""
    return f"{type(exc).__name__}{f' ({what})' if what else ''}"
