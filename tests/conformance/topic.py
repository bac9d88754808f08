"""A topic, its group, and what happens to them."""

import os
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewPartitions, NewTopic

from tests.conformance.situation import Codec, Record, Transaction

_LARGEST_REQUEST = 50_000_000


class _Name(str):
    """A header's name of any bytes."""

    raw: bytes

    def __new__(cls, raw: bytes) -> "_Name":
        made = super().__new__(cls, raw.decode(errors="replace"))
        made.raw = raw
        return made

    def encode(self, *_: Any) -> bytes:
        return self.raw


class Topic:
    """A new topic of a broker at an address, and a group of its own; `close` it."""

    def __init__(self, address: str, partitions: int, config: dict[str, str], *, failures: bool) -> None:
        self.address, self.partitions = address, partitions
        self.name, self.group = (f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("topic", "group"))
        self.failures = f"{self.name}-failures" if failures else None
        self.produced: Counter[int] = Counter()
        self._admin = KafkaAdminClient(bootstrap_servers=address)
        names = [NewTopic(self.name, partitions, 1, topic_configs=config)]
        names += [NewTopic(self.failures, 1, 1)] if self.failures else []
        self._admin.create_topics(names)
        self._group = KafkaConsumer(
            bootstrap_servers=address,
            group_id=self.group,
            enable_auto_commit=False,
            metadata_max_age_ms=1_000,
        )
        self._failures = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
        if self.failures:
            self._failures.assign([TopicPartition(self.failures, 0)])

    def close(self) -> None:
        for client in (self._group, self._failures):
            client.close(autocommit=False)
        self._admin.close()

    def produce(self, records: Iterable[Record]) -> None:
        by_codec: dict[Codec | None, list[Record]] = {}
        for record in records:
            by_codec.setdefault(record.codec, []).append(record)
        for codec, those in by_codec.items():
            with closing(self._producer(compression_type=codec)) as producer:
                self._send(producer, those)

    def transact(self, transaction: Transaction) -> None:
        with closing(self._producer(transactional_id=self.group)) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            self._send(producer, transaction.records)
            (producer.commit_transaction if transaction.end == "commit" else producer.abort_transaction)()

    def add_partitions_up_to(self, count: int) -> None:
        self._admin.create_partitions({self.name: NewPartitions(count)})
        self.partitions = count

    def committed(self) -> dict[int, int]:
        """Where the group is in each partition; 0 where it has no place."""
        found = {
            number: self._group.committed(TopicPartition(self.name, number))
            for number in range(self.partitions)
        }
        return {number: max(0, offset or 0) for number, offset in found.items()}

    def failed(self) -> list[bytes]:
        """What has come to the topic for failures since the last time."""
        if not self.failures:
            return []
        polled = self._failures.poll(timeout_ms=50)
        return [record.value for records in polled.values() for record in records]

    def _producer(self, **options: Any) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self.address, acks="all", max_request_size=_LARGEST_REQUEST, **options
        )

    def _send(self, producer: KafkaProducer, records: Iterable[Record]) -> None:
        sent = []
        for record in records:
            old = record.seconds_old
            self.produced[record.partition] += record.times
            sent += [
                producer.send(
                    self.name,
                    record.value if record.size is None else os.urandom(record.size),
                    key=record.key,
                    partition=record.partition,
                    headers=[(_Name(name), value) for name, value in record.headers],
                    timestamp_ms=None if old is None else round((time.time() - old) * 1000),
                )
                for _ in range(record.times)
            ]
        producer.flush()
        for future in sent:
            future.get(timeout=30)
