"""Any history of batches, failures, rebalances and restarts, against a model of broker and function.

What must hold whatever happens: order within a partition, no loss, no commit past an unfinished record, never
two batches of one partition in flight, and as many attempts as the mapping allows.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parser.models import KafkaSelfManagedEventModel
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kafka_esm.batching.lanes import Batch, Work
from kafka_esm.batching.plan import Limits, Partition
from kafka_esm.batching.policy import RECORD_TOO_LARGE, RETRIES_EXHAUSTED, Policy
from kafka_esm.batching.retry import CAP_SECONDS
from kafka_esm.consumer.event import KafkaRecord
from kafka_esm.delivery.outcome import SUCCESS, Outcome
from kafka_esm.schemas.records import Reading, Refused, Waiting

from tests.unit.kafka_esm.conftest import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PARTITIONS = [Partition("t", number) for number in range(3)]
BOOTSTRAP = "h:1"
PAYLOAD_BYTES = 2_000

# What a record is like: the function fails for it so many times, -1 for ever. The schema of some is to be had
# only while the registry is up; others do not fit theirs.
KINDS = {
    "good": 0,
    "flaky": 1,
    "stubborn": 3,
    "poison": -1,
    "unwanted": 0,
    "huge": 0,
    "looked up": 0,
    "unfit": 0,
}


class Model(RuleBasedStateMachine):
    """The broker, the function, and the process around `Work`."""

    @initialize(
        topic=st.lists(
            st.lists(st.sampled_from(sorted(KINDS)), max_size=12),
            min_size=len(PARTITIONS),
            max_size=len(PARTITIONS),
        ),
        batch_size=st.integers(1, 6),
        concurrency=st.integers(1, 3),
        max_retries=st.none() | st.integers(0, 3),
        bisect=st.booleans(),
        reports=st.booleans(),
        item_failures=st.sampled_from(["from-first", "only-named"]),
        seed=st.integers(0, 9),
    )
    def start(
        self,
        topic: list[list[str]],
        batch_size: int,
        concurrency: int,
        max_retries: int | None,
        bisect: bool,
        reports: bool,
        item_failures: Any,
        seed: int,
    ) -> None:
        if max_retries is None:
            # Without a limit, a record that never succeeds stops its partition: rightly, but without end.
            topic = [["stubborn" if kind == "poison" else kind for kind in kinds] for kinds in topic]
        self.topic = dict(zip(PARTITIONS, topic, strict=True))
        self.policy = Policy(
            max_retries=max_retries,
            bisect=bisect,
            item_failures=item_failures,
            has_destination=True,
            concurrency=concurrency,
            wanted=lambda value: value != b"unwanted",
            read=self.read,
        )
        self.limits = Limits(batch_size, 0, BOOTSTRAP, PAYLOAD_BYTES)
        self.reports = reports
        self.registry_is_up = True
        self.rng = random.Random(seed)
        self.now = 0.0
        self.still_fails = {
            (p, offset): KINDS[kind] for p, kinds in self.topic.items() for offset, kind in enumerate(kinds)
        }
        # What has been processed or put into the destination, by any process, ever.
        self.done: set[tuple[Partition, int]] = set()
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.position = dict(self.committed)
        self.begin_process()

    def begin_process(self) -> None:
        self.work = Work(self.limits, self.policy, self.rng)
        self.work.assign(PARTITIONS)
        self.position = dict(self.committed)
        self.counted: Counter[tuple[Partition, int]] = Counter()
        # What was in flight when the partition was taken away: it counts for nobody.
        self.lost: set[tuple[Batch, Partition]] = set()
        # What the function has reported as done to this process, even if it went again after that.
        self.reported: set[tuple[Partition, int]] = set()

    @rule(partition=st.sampled_from(PARTITIONS), count=st.integers(1, 8))
    def fetch(self, partition: Partition, count: int) -> None:
        if partition in self.work.full():
            return
        start = self.position[partition]
        kinds = self.topic[partition][start : start + count]
        rows = [
            Record(
                start + n,
                partition=partition.partition,
                value=b"x" * PAYLOAD_BYTES if kind == "huge" else kind.encode(),
            )
            for n, kind in enumerate(kinds)
        ]
        self.work.add(partition, rows, self.now)
        self.position[partition] += len(rows)
        if rows:
            self.work.reached({partition: self.position[partition]})

    def read(self, record: KafkaRecord) -> Reading | Waiting | Refused:
        if record.value == b"unfit":
            return Refused("DESERIALIZATION_ERROR", "no")
        if record.value == b"looked up" and not self.registry_is_up:
            return Waiting("down")
        value = (record.key, record.value, record.headers, None, None, record.value)
        fields = (record.topic, record.partition, record.offset, record.timestamp, record.timestamp_type)
        return Reading(*fields, *value)

    @rule(up=st.booleans())
    def the_registry_changes(self, up: bool) -> None:
        self.registry_is_up = up
        self.work.read_on(self.now, self.now)

    @rule()
    def dispatch(self) -> None:
        batch = self.work.next_batch(self.now)
        if batch is None:
            return
        assert batch.records <= self.limits.records or batch.condition
        for partition, chunk in batch.chunks.items():
            offsets = [entry.offset for entry in chunk.entries]
            assert offsets == sorted(offsets)
            # Order: nothing goes before all that came earlier is done.
            assert all(self.is_done(partition, offset) for offset in range(offsets[0]))
            if batch.condition == RETRIES_EXHAUSTED:
                assert not self.reported & {(partition, offset) for offset in offsets}
                assert self.counted[partition, offsets[0]] == (self.policy.max_retries or 0) + 1
                assert chunk.failures == (self.policy.max_retries or 0) + 1
        if batch.condition is None:
            payload = batch.payload(BOOTSTRAP)
            assert len(payload) <= PAYLOAD_BYTES
            event = KafkaSelfManagedEventModel.model_validate_json(payload)
            read = {label: [row.offset for row in rows] for label, rows in event.records.items()}
            assert read == {label: sorted(offsets) for label, offsets in batch.offsets().items()}

    @precondition(lambda self: self.work.in_flight)
    @rule(which=st.integers(0, 2))
    def the_function_answers(self, which: int) -> None:
        batch = self.work.in_flight[which % len(self.work.in_flight)]
        if batch.condition:
            self.finish(batch, SUCCESS, self.records_of(batch))
            return
        failed = {record for record in self.records_of(batch) if self.fails(record)}
        if not failed:
            self.finish(batch, SUCCESS, self.records_of(batch))
        elif self.reports:
            named = frozenset((p.label, offset) for p, offset in failed)
            fine = set(self.records_of(batch)) - failed
            self.done |= fine
            self.reported |= {(p, offset) for p, offset in fine if (batch, p) not in self.lost}
            self.finish(batch, Outcome("partial", "some", named), self.processed(batch, failed))
        else:
            self.finish(batch, Outcome("function_error", "boom"), [])

    @precondition(lambda self: self.work.in_flight)
    @rule(which=st.integers(0, 2), name=st.sampled_from(["throttled", "unreachable", "failed"]))
    def the_way_to_it_fails(self, which: int, name: str) -> None:
        batch = self.work.in_flight[which % len(self.work.in_flight)]
        self.finish(batch, Outcome(name, "no"), [])

    def finish(self, batch: Batch, outcome: Outcome, processed: Iterable[tuple[Partition, int]]) -> None:
        now_done = set(processed)
        self.done |= now_done
        for partition, chunk in batch.chunks.items():
            whole = not outcome.failed
            rest = [entry.offset for entry in chunk.entries if (partition, entry.offset) not in now_done]
            split = self.policy.bisect and whole and len(chunk.entries) > 1
            if (batch, partition) in self.lost:
                continue
            if batch.condition is None and outcome.counted and rest and not split:
                moved_on = rest[0] != chunk.entries[0].offset
                self.counted[partition, rest[0]] = 1 if moved_on else self.counted[partition, rest[0]] + 1
        self.work.finish(batch, outcome, self.now)

    def processed(self, batch: Batch, failed: set[tuple[Partition, int]]) -> list[tuple[Partition, int]]:
        if self.policy.item_failures == "only-named":
            return [record for record in self.records_of(batch) if record not in failed]
        first = {p: min((o for q, o in failed if q == p), default=10**9) for p in batch.chunks}
        return [(p, offset) for p, offset in self.records_of(batch) if offset < first[p]]

    def fails(self, record: tuple[Partition, int]) -> bool:
        left = self.still_fails[record]
        if left > 0:
            self.still_fails[record] -= 1
        return left != 0

    @rule()
    def commit(self) -> None:
        offsets = self.work.uncommitted()
        for partition, offset in offsets.items():
            assert offset > self.committed[partition]
            assert all(self.is_done(partition, earlier) for earlier in range(offset))
        self.committed |= offsets
        self.work.committed(offsets)

    @rule(partition=st.sampled_from(PARTITIONS))
    def rebalance(self, partition: Partition) -> None:
        self.lost.update((batch, partition) for batch in self.work.in_flight if partition in batch.chunks)
        self.work.drop([partition])
        self.work.assign([partition])
        self.position[partition] = self.committed[partition]
        self.reported = {record for record in self.reported if record[0] != partition}
        for key in [key for key in self.counted if key[0] == partition]:
            del self.counted[key]

    @rule()
    def restart(self) -> None:
        self.begin_process()

    @rule(seconds=st.floats(0, CAP_SECONDS))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def no_partition_is_in_flight_twice(self) -> None:
        if hasattr(self, "work"):
            busy = [partition for batch in self.work.in_flight for partition in batch.chunks]
            assert len(busy) == len(set(busy))
            assert len(self.work.in_flight) <= self.policy.concurrency

    def teardown(self) -> None:
        """From any state, everything gets done in the end."""
        if not hasattr(self, "work"):
            return
        self.the_registry_changes(up=True)
        self.until_quiet()
        assert self.committed == {p: len(kinds) for p, kinds in self.topic.items()}

    def until_quiet(self) -> None:
        steps: list[Callable[[], None]] = [self.dispatch, lambda: self.the_function_answers(0), self.commit]
        for _ in range(2_000):
            for partition in PARTITIONS:
                self.fetch(partition, 8)
            for step in steps:
                if step is not steps[1] or self.work.in_flight:
                    step()
            self.now += CAP_SECONDS
            if self.committed == {p: len(kinds) for p, kinds in self.topic.items()}:
                return

    def is_done(self, partition: Partition, offset: int) -> bool:
        return (partition, offset) in self.done or self.topic[partition][offset] == "unwanted"

    def records_of(self, batch: Batch) -> list[tuple[Partition, int]]:
        return [(p, entry.offset) for p, chunk in batch.chunks.items() for entry in chunk.entries]


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_given_a_record_too_large_when_given_up_then_it_is_alone(record: Any) -> None:
    work = Work(Limits(10, 0, BOOTSTRAP, PAYLOAD_BYTES), Policy(has_destination=True))
    work.assign(PARTITIONS[:1])
    work.add(PARTITIONS[0], [record(0), record(1, value=b"x" * PAYLOAD_BYTES), record(2)], 0)
    conditions = []
    while batch := work.next_batch(0):
        conditions.append((batch.condition, sorted(batch.offsets()["t-0"])))
        work.finish(batch, SUCCESS, 0)
    assert conditions == [(None, [0]), (RECORD_TOO_LARGE, [1]), (None, [2])]
    assert work.uncommitted() == {PARTITIONS[0]: 3}
