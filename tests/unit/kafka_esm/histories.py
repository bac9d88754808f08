"""A broker, a group and a function in this process, and any history of theirs by a seed.

The pollers and their connections are the real ones, turned by hand; the record batches are real bytes, which
kafka-python reads. Time is a number, and what runs at the same time ends in the order that the seed says.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import CommitFailedError, KafkaError, KafkaTimeoutError
from kafka.record import MemoryRecords
from kafka.structs import MemberState
from kafka_esm import poller as poller_module
from kafka_esm.batching.lanes import Batch, Work
from kafka_esm.batching.policy import Policy
from kafka_esm.consumer import source as source_module
from kafka_esm.consumer.reading import note_unreadable
from kafka_esm.consumer.source import Source, _Listener
from kafka_esm.delivery.attempt import Finished
from kafka_esm.delivery.outcome import SUCCESS, Outcome
from kafka_esm.mappings.mapping import Mapping, Target
from kafka_esm.monitoring.metrics import families, meters_of
from kafka_esm.poller import Poller
from prometheus_client import CollectorRegistry

from tests.unit.kafka_esm.record_batches import CODECS, UNKNOWN, batch, coded

MAPPING = Mapping(Target("f", 3), ("h:1",), "t", "g", 100, 0, "TRIM_HORIZON")
_METERS = meters_of(MAPPING, families(CollectorRegistry()))
_STEPS = 60
_ROUNDS = 300
_LONG_SECONDS = 120.0  # longer than any back-off, and than an unreadable partition rests

At = tuple[int, int]  # partition and offset


class Clock:
    """It goes on a little whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@dataclass
class Stored:
    """A record batch of the broker."""

    first: int
    count: int
    data: bytes
    # What it is once it is mended, if it cannot be read.
    mended: bytes | None = None

    @property
    def end(self) -> int:
        return self.first + self.count


class Broker:
    """A topic, and the places of a group in it."""

    def __init__(self) -> None:
        self.log: list[list[Stored]] = []
        self.committed: dict[int, int] = {}
        self.owners: dict[int, Consumer] = {}
        self.members: list[Consumer] = []
        # What may be committed, and what nobody has to process.
        self.done: set[At] = set()
        self.not_owed: set[At] = set()

    def end(self, partition: int) -> int:
        return self.log[partition][-1].end if self.log[partition] else 0

    def unreadable(self, partition: int) -> int | None:
        """From where on a partition cannot be read."""
        return next((stored.first for stored in self.log[partition] if stored.mended), None)

    def share(self, member: "Consumer") -> set[int]:
        index, count = self.members.index(member), len(self.members)
        return {number for number in range(len(self.log)) if number % count == index}

    def commit(self, member: "Consumer", offsets: dict[int, int]) -> None:
        if any(self.owners.get(partition) is not member for partition in offsets):
            raise CommitFailedError
        for partition, offset in offsets.items():
            left = [n for n in range(offset) if (partition, n) not in self.done | self.not_owed]
            assert not left, f"partition {partition}: {offset} is committed, and {left} are not done"
            assert offset <= self.end(partition)
            self.committed[partition] = offset


class Consumer:
    """kafka-python's consumer, as far as Source knows it."""

    def __init__(self, broker: Broker, rng: random.Random) -> None:
        self.broker, self.rng = broker, rng
        self.listener = _Listener()
        self.positions: dict[int, int] = {}
        self.held: set[TopicPartition] = set()
        self.commits_fail = False
        self._fetcher = SimpleNamespace(_parse_fetched_data=None)
        self.unreadable = note_unreadable(self._fetcher)
        self._subscription = SimpleNamespace(
            position=lambda tp: SimpleNamespace(offset=self.positions[tp.partition])
        )
        heartbeat = SimpleNamespace(session_timeout_expired=lambda: False, last_receive=2.0, last_reset=1.0)
        self._coordinator = SimpleNamespace(heartbeat=heartbeat, fetch_committed_offsets=self._offsets)
        broker.members.append(self)

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        self._rebalance()
        found = {}
        for partition in self.positions:
            tp = TopicPartition("t", partition)
            if tp not in self.held and (records := self._fetch(tp)):
                found[tp] = records
        return found

    def _rebalance(self) -> None:
        wanted = self.broker.share(self)
        lost = [p for p in self.positions if p not in wanted]
        # Who gets a partition waits until its owner has let go of it.
        got = [p for p in wanted if p not in self.positions and p not in self.broker.owners]
        for partition in lost:
            del self.positions[partition]
            del self.broker.owners[partition]
            self.held.discard(TopicPartition("t", partition))
        for partition in got:
            self.broker.owners[partition] = self
            self.positions[partition] = self.broker.committed.get(partition, 0)
        if lost:
            self.listener.on_partitions_revoked([TopicPartition("t", p) for p in lost])
        if got:
            self.listener.on_partitions_assigned([TopicPartition("t", p) for p in got])

    def _fetch(self, tp: TopicPartition) -> list[Any]:
        position = self.positions[tp.partition]
        batches = [stored for stored in self.broker.log[tp.partition] if stored.end > position]
        fetched = b"".join(stored.data for stored in batches[: self.rng.randint(1, 4)])
        part = self._fetcher.PartitionRecords(position, tp, MemoryRecords(fetched))  # type: ignore[attr-defined]
        records: list[Any] = []
        while part:
            records += part.take()
        if records:
            self.positions[tp.partition] = records[-1].offset + 1
        return records

    def _offsets(self, tps: Iterable[TopicPartition], **_: Any) -> dict[TopicPartition, Any]:
        return {tp: SimpleNamespace(offset=self.broker.committed.get(tp.partition, -1)) for tp in tps}

    def commit(self, offsets: dict[TopicPartition, Any], **_: Any) -> None:
        if self.commits_fail:
            raise KafkaTimeoutError
        self.broker.commit(self, {tp.partition: found.offset for tp, found in offsets.items()})

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("t", partition) for partition in self.positions}

    def paused(self) -> set[TopicPartition]:
        return set(self.held)

    def pause(self, *tps: TopicPartition) -> None:
        self.held.update(tps)

    def resume(self, *tps: TopicPartition) -> None:
        self.held.difference_update(tps)

    def group_metadata(self) -> Any:
        return SimpleNamespace(state=MemberState.STABLE)

    def partitions_for_topic(self, _: str) -> set[int]:
        return set(range(len(self.broker.log)))

    def end_offsets(self, tps: Iterable[TopicPartition], **_: Any) -> dict[TopicPartition, int]:
        return {tp: self.broker.end(tp.partition) for tp in tps}

    def seek_to_end(self, *tps: TopicPartition) -> None:
        for tp in tps:
            self.positions[tp.partition] = self.broker.end(tp.partition)

    def position(self, tp: TopicPartition, **_: Any) -> int:
        return self.positions[tp.partition]

    def highwater(self, tp: TopicPartition) -> int:
        return self.broker.end(tp.partition)

    def leave(self) -> None:
        self.broker.members.remove(self)
        for partition in self.positions:
            del self.broker.owners[partition]
        self.positions.clear()

    def close(self, **_: Any) -> None:
        if self in self.broker.members:
            self.leave()


class _OneTurn:
    """A stop that comes after one turn of the loop."""

    def __init__(self) -> None:
        self.turns = 0

    def is_set(self) -> bool:
        self.turns -= 1
        return self.turns < 0


@dataclass
class Member:
    """A poller, and its connection."""

    poller: Poller
    source: Source
    consumer: Consumer
    stop: _OneTurn


class History:
    """One history: `run` plays it, and asserts what must hold whatever happens."""

    def __init__(self, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.broker = Broker()
        self.running: list[Callable[[], None]] = []
        self.members: list[Member] = []
        # How often the function still fails for a record; -1: until it is mended.
        self.fails: defaultdict[At, int] = defaultdict(int)
        self.poisoned: dict[int, int] = {}
        time = SimpleNamespace(monotonic=self.clock, time=self.clock)
        later = SimpleNamespace(Thread=self._later)
        patch.setattr(poller_module, "threading", later)
        patch.setattr(poller_module, "_POLL_WHILE_IN_FLIGHT_SECONDS", 0)
        for module in (poller_module, source_module):
            patch.setattr(module, "time", time)
        rng = self.rng
        self.mapping = replace(
            MAPPING,
            batch_size=rng.randint(1, 6),
            starting_position=rng.choice(["TRIM_HORIZON", "LATEST"]),
            report_item_failures=rng.random() < 0.4,
        )
        self.policy = Policy(
            bisect=rng.random() < 0.3,
            item_failures=rng.choice(["from-first", "only-named"]),
            concurrency=rng.randint(1, 3),
        )

    def run(self) -> None:
        """Play it: first anything, then what must go on beside what is bad, then all of it."""
        rng = self.rng
        for _ in range(rng.randint(1, 3)):
            self._add_partition(written=rng.randint(0, 2))
        if self.mapping.starting_position == "LATEST":
            self.broker.not_owed = {
                (p, n) for p in range(len(self.broker.log)) for n in range(self.broker.end(p))
            }
        self._join()
        self._turn(self.members[0])
        bad = [self._unreadable_batch, self._poison, self._odd_header]
        events: list[Callable[[], None]] = [
            *rng.sample(bad, rng.randint(1, len(bad))),
            self._second_comes_or_goes,
            self._second_comes_or_goes,
            lambda: self._add_partition(written=rng.randint(1, 2)),
        ]
        rng.shuffle(events)
        when = dict(zip(rng.sample(range(_STEPS), len(events)), events, strict=True))
        for step in range(_STEPS):
            when.get(step, self._anything)()
        for member in self.members:
            member.consumer.commits_fail = False
        self._until("what is not bad is done", self._beside_what_is_bad)
        self._mend()
        self._until("all is done", lambda: all(map(self._all_of, range(len(self.broker.log)))))

    def _anything(self) -> None:
        what = self.rng.random()
        if what < 0.45:
            self._turn(self.rng.choice(self.members))
        elif what < 0.7 and self.running:
            self.running.pop(self.rng.randrange(len(self.running)))()
        elif what < 0.9:
            self._write(self.rng.randrange(len(self.broker.log)))
        elif what < 0.95:
            self.clock.now += self.rng.uniform(0, 15)
        else:
            member = self.rng.choice(self.members)
            member.consumer.commits_fail = not member.consumer.commits_fail

    # What happens to the topic.

    def _write(self, partition: int, count: int | None = None, **options: Any) -> Stored:
        log, first = self.broker.log[partition], self.broker.end(partition)
        values = [b"v"] * (count or self.rng.randint(1, 4))
        codec = options.pop("codec", self.rng.choice(CODECS))
        log.append(Stored(first, len(values), batch(first, *values, codec=codec, **options)))
        for offset in range(first, first + len(values)):
            if self.rng.random() < 0.1:
                self.fails[partition, offset] = self.rng.randint(1, 2)
        return log[-1]

    def _add_partition(self, written: int) -> None:
        self.broker.log.append([])
        for _ in range(written):
            self._write(len(self.broker.log) - 1)

    def _unreadable_batch(self) -> None:
        """A batch that is broken on the disk, or of a codec that nobody knows."""
        stored = self._write(self.rng.randrange(len(self.broker.log)), codec=0)
        stored.mended = stored.data
        if self.rng.random() < 0.5:
            stored.data = stored.data[:-1] + bytes([stored.data[-1] ^ 1])
        else:
            values = [b"v"] * stored.count
            stored.data = batch(stored.first, *values, change=coded(UNKNOWN))

    def _poison(self) -> None:
        """A record that the function fails for until it is mended."""
        partition = self.rng.randrange(len(self.broker.log))
        stored = self._write(partition)
        self.fails[partition, stored.first] = -1
        self.poisoned.setdefault(partition, stored.first)

    def _odd_header(self) -> None:
        odd = {"headers": [("trXY", b"\xff")], "change": lambda data: data.replace(b"trXY", b"tr\xff\xc3")}
        self._write(self.rng.randrange(len(self.broker.log)), codec=0, **odd)

    def _mend(self) -> None:
        self.fails.clear()
        for log in self.broker.log:
            for stored in log:
                stored.data, stored.mended = stored.mended or stored.data, None

    # What happens to the pollers.

    def _second_comes_or_goes(self) -> None:
        """Another one joins; or one of the two leaves, in good order or killed."""
        if len(self.members) < 2:
            self._join()
            return
        member = self.members.pop(self.rng.randrange(len(self.members)))
        if self.rng.random() < 0.5:
            member.poller._drain(member.source)
            member.source.close()
        else:
            member.consumer.leave()

    def _join(self) -> None:
        consumer = Consumer(self.broker, self.rng)
        cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(node_id=0)], topic_id=lambda _: "one")
        client: Any = SimpleNamespace(connected=lambda _: True, cluster=cluster)
        source = Source(
            consumer, client, consumer.listener, self.clock.now, self.mapping, _unreadable=consumer.unreadable
        )
        stop: Any = _OneTurn()
        made = Poller(
            self.mapping, self.policy, lambda: source, self._deliver, stop, _METERS, drain_seconds=0.05
        )
        made._work = Work(made._work._limits, self.policy, self.rng)
        self.members.append(Member(made, source, consumer, stop))

    def _turn(self, member: Member) -> None:
        member.stop.turns = 1
        try:
            member.poller._poll_until_stopped(member.source)
        except KafkaError:
            # As `run` does: it connects again.
            self.members.remove(member)
            member.source.close()
            self._join()

    def _later(self, target: Callable[..., None], args: tuple[Any, ...], **_: Any) -> Any:
        return SimpleNamespace(start=lambda: self.running.append(lambda: target(*args)))

    def _deliver(self, batch: Batch) -> Finished:
        """The function: it fails for some records, and says which if it is asked to."""
        held = [(p.partition, entry.offset) for p, chunk in batch.chunks.items() for entry in chunk.entries]
        failed = [at for at in held if self.fails[at]]
        for at in failed:
            self.fails[at] -= self.fails[at] > 0
        outcome = SUCCESS
        if failed and self.mapping.report_item_failures:
            outcome = Outcome("partial", "some", frozenset((f"t-{p}", offset) for p, offset in failed))
            self.broker.done.update(set(held) - set(failed))
        elif failed:
            outcome = Outcome("function_error", "boom")
        else:
            self.broker.done.update(held)
        return Finished(batch, outcome, 1, 0.0)

    # What must come about.

    def _until(self, what: str, reached: Callable[[], bool]) -> None:
        for _ in range(_ROUNDS):
            for member in list(self.members):
                self._turn(member)
            while self.running:
                self.running.pop(self.rng.randrange(len(self.running)))()
            self.clock.now += _LONG_SECONDS
            if reached():
                return
        ends = [self.broker.end(number) for number in range(len(self.broker.log))]
        raise AssertionError(f"it never came about that {what}: {self.broker.committed} of {ends}")

    def _beside_what_is_bad(self) -> bool:
        """Partitions without anything bad are done, and the others up to what cannot be read."""
        for partition in range(len(self.broker.log)):
            unreadable, poison = self.broker.unreadable(partition), self.poisoned.get(partition)
            if poison is not None and (unreadable is None or poison < unreadable):
                continue
            wanted = self.broker.end(partition) if unreadable is None else unreadable
            if self.broker.committed.get(partition, 0) != wanted:
                return False
        return True

    def _all_of(self, partition: int) -> bool:
        end = self.broker.end(partition)
        if self.broker.committed.get(partition, 0) != end:
            return False
        lost = [n for n in range(end) if (partition, n) not in self.broker.done | self.broker.not_owed]
        assert not lost, f"partition {partition}: {lost} are lost"
        return True
