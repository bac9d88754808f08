"""A batch that ends its worker is taken apart: the record that does it is a dead letter, the others go on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from users.consumer import dead_letters
from users.consumer.attempts import Attempts
from users.consumer.dead_letters import Poison
from users.consumer.received import Received
from users.errors import OutOfTimeError, UnavailableError
from users.events import PoisonRecordError, Reason, Record

from tests import sam
from tests.unit.fakes import DynamoFaults

ENDLESS = 100  # deliveries: more than any batch here can take
Good = tuple[Received, int]


class Killed(BaseException):
    """The worker is gone: nothing in it runs any more."""


class StoreDownError(Exception):
    """What the records are written to does not answer."""


class Deliveries:
    """A mapping that delivers a batch until it is processed, each time to a worker of its own."""

    def __init__(self, records: int, scope: str = "index") -> None:
        self.records = [
            (Received("user.events", 0, offset, Record(b"k", b"v", [])), offset) for offset in range(records)
        ]
        self.indexed: list[int] = []
        self.dead: list[int] = []
        self.works: list[list[int]] = []
        self.kills: dict[int, BaseException] = {}  # by record
        self.faults: Iterator[BaseException | None] = iter(())  # of the deliveries, before anything is done
        self.millis_left: Callable[[], int] = lambda: 100_000
        self.letters_fail = 0
        self._scope = scope

    def deliver(self) -> list[Poison]:
        client = boto3.client("dynamodb")
        return Attempts(client, sam.TABLE_NAME, self._scope).process(
            self.records, self._work, self.millis_left, StoreDownError
        )

    def until_done(self) -> int:
        """Deliver again and again; return how many deliveries it took."""
        for number in range(1, ENDLESS):
            with suppress(Killed, StoreDownError, OutOfTimeError, UnavailableError, MemoryError):
                self.deliver()
                return number
        raise AssertionError("the batch comes again for ever")

    def send(self, poison: Sequence[Poison]) -> None:
        if poison and self.letters_fail:
            self.letters_fail -= 1
            raise UnavailableError("Kafka did not acknowledge")
        self.dead += [each.received.offset for each in poison]

    def _work(self, records: Sequence[Good]) -> list[Poison]:
        self.works.append([number for _, number in records])
        if fault := next(self.faults, None):
            raise fault
        for _, number in records:
            if number in self.kills:
                raise self.kills[number]
        self.indexed += [number for _, number in records]
        return []


@pytest.fixture
def batch(aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Deliveries]:
    def made(*arguments: Any, **options: Any) -> Deliveries:
        deliveries = Deliveries(*arguments, **options)
        monkeypatch.setattr(dead_letters, "send", deliveries.send)
        return deliveries

    return made


def notes() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    return items


def test_given_good_records_when_delivered_then_they_are_processed_at_once_and_no_note_stays(
    batch: Any,
) -> None:
    deliveries = batch(5)
    assert deliveries.until_done() == 1
    assert (deliveries.works, deliveries.dead, notes()) == ([[0, 1, 2, 3, 4]], [], [])


@pytest.mark.parametrize("end", [Killed(), MemoryError(), RuntimeError("nobody foresaw it")])
def test_given_a_record_that_ends_its_worker_when_delivered_then_it_alone_is_a_dead_letter(
    batch: Any, end: BaseException
) -> None:
    deliveries = batch(5)
    deliveries.kills = {2: end}
    for _ in range(4):
        with pytest.raises(type(end)):
            deliveries.deliver()
    (poison,) = deliveries.deliver()
    assert (poison.received.offset, poison.error.reason) == (2, Reason.FATAL)
    assert (deliveries.dead, deliveries.indexed) == ([2], [0, 1, 3, 4])
    assert deliveries.works == [[0, 1, 2, 3, 4]] * 2 + [[0], [1], [2], [2], [3], [4]]
    assert notes() == []


def test_given_a_store_that_is_down_when_delivered_then_no_record_is_blamed(batch: Any) -> None:
    deliveries = batch(3)
    deliveries.faults = iter([StoreDownError()] * 20)
    assert deliveries.until_done() == 21
    assert (deliveries.indexed, deliveries.dead) == ([0, 1, 2], [])
    assert {tuple(work) for work in deliveries.works} == {(0, 1, 2)}


def test_given_a_batch_that_is_taken_apart_when_the_store_is_down_then_it_goes_on_where_it_was(
    batch: Any,
) -> None:
    deliveries = batch(4)
    deliveries.faults = iter([Killed(), Killed(), None, None, *[StoreDownError()] * 9])
    assert deliveries.until_done() == 12
    assert (deliveries.indexed, deliveries.dead) == ([0, 1, 2, 3], [])


def test_given_kills_that_are_nobodys_fault_when_delivered_then_nothing_is_a_dead_letter(batch: Any) -> None:
    """The machine ends workers at random: no record is there twice when it does."""
    deliveries = batch(4)
    deliveries.faults = iter([Killed(), Killed(), Killed(), None, Killed(), None, Killed()])
    deliveries.until_done()
    assert (sorted(set(deliveries.indexed)), deliveries.dead) == ([0, 1, 2, 3], [])


def test_given_too_little_time_when_taken_apart_then_every_delivery_gets_on(batch: Any) -> None:
    deliveries = batch(7)
    deliveries.faults = iter([Killed(), Killed()])
    time_left = count(31_000, -1_000)  # of all deliveries: asked before each record
    deliveries.millis_left = lambda: next(time_left) % 4_000 + 12_000  # 15, 14: enough for one, then none
    assert deliveries.until_done() > 3
    assert (deliveries.indexed, deliveries.dead) == (list(range(7)), [])


def test_given_dead_letters_that_are_not_taken_when_taken_apart_then_the_record_is_not_done(
    batch: Any,
) -> None:
    deliveries = batch(3)
    deliveries.kills = {1: Killed()}
    deliveries.letters_fail = 3
    deliveries.until_done()
    assert (deliveries.dead, sorted(deliveries.indexed)) == ([1], [0, 2])


def test_given_poison_when_processed_then_it_is_sent_and_returned(batch: Any) -> None:
    deliveries = batch(2)
    refused = Poison(deliveries.records[1][0], PoisonRecordError(Reason.REFUSED, "no"))
    deliveries._work = lambda _: [refused]
    assert deliveries.deliver() == [refused]
    assert deliveries.dead == [1]


def test_given_the_same_records_for_another_index_when_delivered_then_nothing_of_them_counts_as_done(
    batch: Any,
) -> None:
    first = batch(3)
    first.faults = iter([Killed(), Killed(), None, None, Killed()])
    for _ in range(3):
        with pytest.raises(Killed):
            first.deliver()
    assert len(first.indexed) == 2
    second = batch(3, "another")
    assert second.until_done() == 1
    assert second.indexed == [0, 1, 2]


def test_given_other_records_at_the_same_places_when_delivered_then_nothing_of_them_counts_as_done(
    batch: Any,
) -> None:
    """The topic was deleted and made again."""
    deliveries = batch(3)
    deliveries.faults = iter([Killed(), Killed(), None, None, Killed()])
    for _ in range(3):
        with pytest.raises(Killed):
            deliveries.deliver()
    deliveries.records = [
        (received._replace(record=Record(b"k", b"w", [])), number) for received, number in deliveries.records
    ]
    deliveries.indexed.clear()
    assert deliveries.until_done() == 1
    assert deliveries.indexed == [0, 1, 2]


def test_given_dynamodb_is_down_when_delivered_then_the_batch_is_processed_all_the_same(
    aws: DynamoFaults, batch: Any
) -> None:
    aws.down = True
    deliveries = batch(3)
    assert deliveries.until_done() == 1
    assert deliveries.indexed == [0, 1, 2]


def test_given_dynamodb_fails_for_a_while_when_a_record_ends_its_worker_then_only_it_is_blamed(
    aws: DynamoFaults, batch: Any
) -> None:
    deliveries = batch(4)
    deliveries.kills = {3: Killed()}
    for _ in range(3):
        aws.answer("InternalServerError", times=3)
        with suppress(Killed, UnavailableError):
            deliveries.deliver()
    deliveries.until_done()
    assert (deliveries.dead, sorted(set(deliveries.indexed))) == ([3], [0, 1, 2])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    kills=st.sets(st.integers(0, 5), max_size=3),
    outages=st.lists(st.sampled_from([StoreDownError(), None]), max_size=8),
    letters_fail=st.integers(0, 2),
)
def test_given_any_faults_when_delivered_again_and_again_then_it_ends_and_nobody_innocent_is_dead(
    batch: Any, kills: set[int], outages: list[BaseException | None], letters_fail: int
) -> None:
    deliveries = batch(6)
    deliveries.kills = dict.fromkeys(kills, Killed())
    deliveries.faults, deliveries.letters_fail = iter(outages), letters_fail
    assert deliveries.until_done() <= 3 + 2 * len(kills) + len(outages) + letters_fail
    assert set(deliveries.dead) == kills
    assert set(deliveries.indexed) == set(range(6)) - kills
    assert notes() == []
