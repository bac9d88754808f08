"""Records between the consumer and the function: order, retries, rebalances, commits."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka_esm.batch import Limits, Partition
from kafka_esm.retry import CAP_SECONDS, backoff_seconds
from kafka_esm.work import Batch, Work

P0, P1 = Partition("t", 0), Partition("t", 1)


@pytest.fixture
def work() -> Work:
    made = Work(Limits(2, 0, "h:1"), random.Random(1))
    made.assign([P0, P1])
    return made


def offsets(batch: Batch | None) -> dict[int, list[int]]:
    assert batch is not None
    return {p.partition: [entry.offset for entry in rows] for p, rows in batch.entries.items()}


def add(work: Work, record: Any, partition: Partition, *numbers: int, now: float = 0.0) -> str | None:
    return work.add(partition, [record(n, partition=partition.partition) for n in numbers], now)


def test_given_a_batch_in_flight_when_more_is_due_then_it_waits(work: Work, record: Any) -> None:
    add(work, record, P0, 0, 1, 2)
    assert offsets(work.next_batch(0)) == {0: [0, 1]}
    assert work.next_batch(0) is None
    work.succeeded()
    assert work.uncommitted == {P0: 2}
    assert offsets(work.next_batch(0)) == {0: [2]}


def test_given_a_failed_batch_when_its_time_has_come_then_the_same_records_go_again(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0, 1, 2)
    first = work.next_batch(0)
    assert first is not None
    payload = first.payload("h:1")
    work.failed("boom", now=0)
    assert work.uncommitted == {}
    assert work.error() == "boom"
    due = work.wake_at()
    assert due is not None
    assert work.next_batch(due - 0.001) is None
    again = work.next_batch(due)
    assert again is not None
    assert again.payload("h:1") == payload
    work.succeeded()
    assert work.uncommitted == {P0: 2}
    assert (work.retries, work.error()) == (1, None)


def test_given_a_batch_waiting_for_its_retry_when_others_have_records_then_only_they_go_on(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    work.next_batch(0)
    work.failed("boom", now=0)
    add(work, record, P0, 1)
    add(work, record, P1, 0)
    assert offsets(work.next_batch(0)) == {1: [0]}


def test_given_a_rebalance_when_a_batch_waits_for_its_retry_then_the_wait_is_over(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    work.next_batch(0)
    work.failed("boom", now=0)
    work.drop([P0])
    assert (work.wake_at(), work.error()) == (None, None)
    work.assign([P0])
    add(work, record, P0, 0)
    assert offsets(work.next_batch(0)) == {0: [0]}


def test_given_a_rebalance_during_an_invocation_when_it_succeeds_then_only_kept_partitions_are_committed(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    add(work, record, P1, 5)
    assert offsets(work.next_batch(0)) == {0: [0], 1: [5]}
    work.drop([P0])
    work.succeeded()
    assert work.uncommitted == {P1: 6}


def test_given_a_rebalance_during_an_invocation_when_it_fails_then_only_kept_partitions_are_retried(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    add(work, record, P1, 5)
    work.next_batch(0)
    work.drop([P0])
    work.failed("boom", now=0)
    assert offsets(work.next_batch(CAP_SECONDS)) == {1: [5]}


def test_given_a_partition_lost_and_given_back_when_its_old_invocation_still_runs_then_it_waits(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    work.next_batch(0)
    work.drop([P0])
    work.assign([P0])
    add(work, record, P0, 0)
    assert work.next_batch(0) is None
    work.succeeded()
    assert work.uncommitted == {}
    assert offsets(work.next_batch(0)) == {0: [0]}


def test_given_a_rebalance_before_the_commit_when_asked_then_the_lost_partition_is_not_committed(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    work.next_batch(0)
    work.succeeded()
    work.drop([P0])
    assert work.uncommitted == {}


def test_given_a_record_too_large_when_added_then_its_partition_stops_before_it_and_says_so(
    record: Any,
) -> None:
    work = Work(Limits(10, 0, "h:1", payload_bytes=400))
    work.assign([P0, P1])
    small, large = record(3), record(4, value=b"x" * 400)
    error = work.add(P0, [small, large, record(5)], 0)
    assert error is not None
    assert "t-0" in error
    assert "offset 4" in error
    assert "xxx" not in error
    assert offsets(work.next_batch(0)) == {0: [3]}
    work.succeeded()
    assert work.add(P0, [record(6)], 0) is None
    assert work.next_batch(0) is None
    assert work.error() == error
    assert work.full() == {P0}
    assert work.first_offset(P0) == 4


def test_given_a_full_partition_when_asked_then_it_is_not_fetched_any_more(work: Work, record: Any) -> None:
    add(work, record, P0, 0)
    assert work.full() == set()
    add(work, record, P0, 1)
    assert work.full() == {P0}
    work.next_batch(0)
    assert work.full() == set()


def test_given_records_at_every_stage_when_asked_then_the_first_undelivered_offset_is_known(
    work: Work, record: Any
) -> None:
    assert work.first_offset(P0) is None
    add(work, record, P0, 0, 1, 2)
    work.next_batch(0)
    assert work.first_offset(P0) == 0
    work.failed("boom", now=0)
    assert work.first_offset(P0) == 0
    work.next_batch(CAP_SECONDS)
    work.succeeded()
    assert work.first_offset(P0) == 2


def test_given_a_window_when_records_wait_then_the_wake_up_is_when_it_ends(record: Any) -> None:
    work = Work(Limits(10, 5, "h:1"))
    work.assign([P0])
    add(work, record, P0, 0, now=100)
    assert work.wake_at() == 105
    assert work.next_batch(104.9) is None
    assert offsets(work.next_batch(105)) == {0: [0]}


def test_given_records_of_a_partition_that_is_not_assigned_when_added_then_they_are_left(
    work: Work, record: Any
) -> None:
    add(work, record, Partition("t", 9), 0)
    assert work.next_batch(0) is None


@given(failures=st.integers(1, 5_000), seed=st.integers())
def test_given_any_number_of_failures_when_asked_then_the_wait_is_within_the_cap(
    failures: int, seed: int
) -> None:
    assert 0 <= backoff_seconds(failures, random.Random(seed)) <= CAP_SECONDS


def test_given_more_failures_when_asked_then_the_longest_wait_doubles_up_to_the_cap() -> None:
    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    waits = [backoff_seconds(n, Longest()) for n in range(1, 9)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


@settings(deadline=None)
@given(data=st.data())
def test_given_any_history_when_all_has_succeeded_then_everything_came_in_order_and_is_committed(
    record: Any, data: st.DataObject
) -> None:
    work = Work(Limits(data.draw(st.integers(1, 5)), 0, "h:1"), random.Random(0))
    work.assign([P0, P1])
    produced, delivered, committed = {0: 0, 1: 0}, {0: [], 1: []}, {0: 0, 1: 0}  # type: ignore[var-annotated]
    now = 0.0
    for _ in range(data.draw(st.integers(0, 40))):
        now += 0.1
        step = data.draw(st.sampled_from(["add", "invoke", "succeed", "fail", "rebalance"]))
        number = data.draw(st.integers(0, 1))
        partition = Partition("t", number)
        if step == "add":
            add(work, record, partition, produced[number], now=now)
            produced[number] += 1
        elif step == "invoke":
            work.next_batch(now)
        elif step == "fail":
            work.failed("boom", now)
        elif step == "rebalance":
            work.drop([partition])
            work.assign([partition])
            # The consumer starts again from what is committed.
            add(work, record, partition, *range(committed[number], produced[number]), now=now)
            del delivered[number][committed[number] :]
        elif work.in_flight:
            deliver(work, delivered, committed)
    for _ in range(200):
        now += CAP_SECONDS
        if work.in_flight or work.next_batch(now):
            deliver(work, delivered, committed)
    assert delivered == {n: list(range(count)) for n, count in produced.items()}
    assert committed == produced


def deliver(work: Work, delivered: dict[int, list[int]], committed: dict[int, int]) -> None:
    assert work.in_flight is not None
    for rows in json.loads(work.in_flight.payload("h:1"))["records"].values():
        for row in rows:
            delivered[row["partition"]].append(row["offset"])
    work.succeeded()
    committed.update({p.partition: offset for p, offset in work.uncommitted.items()})
    work.committed()
