"""Records between the consumer and the function: order, retries, rebalances, commits."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka_esm.batching.lanes import Batch, Work
from kafka_esm.batching.plan import Limits, Partition
from kafka_esm.batching.policy import RECORD_AGE_EXCEEDED, RECORD_TOO_LARGE, RETRIES_EXHAUSTED, Policy
from kafka_esm.batching.retry import CAP_SECONDS, backoff_seconds
from kafka_esm.delivery.outcome import SUCCESS, Outcome
from kafka_esm.schemas.records import Reading, Refused, SchemaMetadata, Waiting

P0, P1 = Partition("t", 0), Partition("t", 1)


@pytest.fixture
def work() -> Work:
    made = Work(Limits(2, 0, "h:1"), rng=random.Random(1))
    made.assign([P0, P1])
    return made


def offsets(batch: Batch | None) -> dict[int, list[int]]:
    assert batch is not None
    return {p.partition: [entry.offset for entry in chunk.entries] for p, chunk in batch.chunks.items()}


ERROR = Outcome("function_error", "boom")


def succeeded(work: Work) -> None:
    work.finish(work.in_flight[0], SUCCESS, 0)


def failed(work: Work, now: float = 0, outcome: Outcome = ERROR) -> None:
    work.finish(work.in_flight[0], outcome, now)


def partial(*numbers: int) -> Outcome:
    return Outcome("partial", "some", frozenset(("t-0", number) for number in numbers))


def made(**policy: Any) -> Work:
    work = Work(Limits(4, 0, "h:1"), Policy(**policy), random.Random(1))
    work.assign([P0, P1])
    return work


def add(work: Work, record: Any, partition: Partition, *numbers: int, now: float = 0.0) -> str | None:
    return work.add(partition, [record(n, partition=partition.partition) for n in numbers], now).error


def test_given_a_batch_in_flight_when_more_is_due_then_it_waits(work: Work, record: Any) -> None:
    add(work, record, P0, 0, 1, 2)
    assert offsets(work.next_batch(0)) == {0: [0, 1]}
    assert work.next_batch(0) is None
    succeeded(work)
    assert work.uncommitted() == {P0: 2}
    assert offsets(work.next_batch(0)) == {0: [2]}


def test_given_a_failed_batch_when_its_time_has_come_then_the_same_records_go_again(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0, 1, 2)
    first = work.next_batch(0)
    assert first is not None
    payload = first.payload("h:1")
    failed(work, 0)
    assert work.uncommitted() == {}
    assert work.error() == "boom"
    due = work.wake_at()
    assert due is not None
    assert work.next_batch(due - 0.001) is None
    again = work.next_batch(due)
    assert again is not None
    assert again.payload("h:1") == payload
    succeeded(work)
    assert work.uncommitted() == {P0: 2}
    assert (work.retries, work.error()) == (1, None)


def test_given_a_batch_waiting_for_its_retry_when_others_have_records_then_only_they_go_on(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    work.next_batch(0)
    failed(work, 0)
    add(work, record, P0, 1)
    add(work, record, P1, 0)
    assert offsets(work.next_batch(0)) == {1: [0]}


def test_given_a_rebalance_when_a_batch_waits_for_its_retry_then_the_wait_is_over(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    work.next_batch(0)
    failed(work, 0)
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
    succeeded(work)
    assert work.uncommitted() == {P1: 6}


def test_given_a_rebalance_during_an_invocation_when_it_fails_then_only_kept_partitions_are_retried(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    add(work, record, P1, 5)
    work.next_batch(0)
    work.drop([P0])
    failed(work, 0)
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
    succeeded(work)
    assert work.uncommitted() == {}
    assert offsets(work.next_batch(0)) == {0: [0]}


def test_given_a_rebalance_before_the_commit_when_asked_then_the_lost_partition_is_not_committed(
    work: Work, record: Any
) -> None:
    add(work, record, P0, 0)
    work.next_batch(0)
    succeeded(work)
    work.drop([P0])
    assert work.uncommitted() == {}


def test_given_a_record_too_large_when_added_then_its_partition_stops_before_it_and_says_so(
    record: Any,
) -> None:
    work = Work(Limits(10, 0, "h:1", payload_bytes=400))
    work.assign([P0, P1])
    small, large = record(3), record(4, value=b"x" * 400)
    error = work.add(P0, [small, large, record(5)], 0).error
    assert error is not None
    assert "t-0" in error
    assert "offset 4" in error
    assert "xxx" not in error
    assert offsets(work.next_batch(0)) == {0: [3]}
    succeeded(work)
    assert work.add(P0, [record(6)], 0).error is None
    assert work.next_batch(0) is None
    assert work.stopped() == {P0: error}
    assert work.full() == {P0}
    assert work.first_offset(P0) == 4


REPORTS = Policy(max_retries=2, has_destination=True)


def test_given_one_record_always_named_when_out_of_retries_then_only_it_is_given_up(record: Any) -> None:
    work = Work(Limits(10, 0, "h:1"), REPORTS)
    work.assign([P0])
    work.add(P0, [record(n) for n in range(10)], 0)
    for now in (0, 100, 200):
        batch = work.next_batch(now)
        assert batch is not None
        assert batch.condition is None
        named = Outcome("partial", "one", frozenset({(P0.label, 5)}))
        work.finish(batch, named, now)
    given_up = work.next_batch(200)
    assert given_up is not None
    assert (given_up.condition, offsets(given_up)) == ("RetryAttemptsExhausted", {0: [5]})
    work.finish(given_up, SUCCESS, 200)
    assert work.uncommitted() == {P0: 10}


def test_given_records_reported_as_done_when_the_last_attempts_fail_whole_then_they_are_not_given_up(
    record: Any,
) -> None:
    work = Work(Limits(10, 0, "h:1"), REPORTS)
    work.assign([P0])
    work.add(P0, [record(n) for n in range(4)], 0)
    named = Outcome("partial", "two", frozenset({(P0.label, 0), (P0.label, 2)}))
    for now, outcome in ((0, named), (100, ERROR), (200, ERROR)):
        batch = work.next_batch(now)
        assert batch is not None
        work.finish(batch, outcome, now)
    assert offsets(work.next_batch(200)) == {0: [0, 2]}


def test_given_a_position_beyond_the_last_record_when_it_is_done_then_the_position_is_committed(
    record: Any,
) -> None:
    work = Work(Limits(10, 0, "h:1"))
    work.assign([P0, P1])
    work.add(P0, [record(0)], 0)
    work.reached({P0: 2, P1: 7})  # the marker of a transaction; and a partition without any record
    assert work.uncommitted() == {P1: 7}
    work.next_batch(0)
    succeeded(work)
    assert work.uncommitted() == {P0: 2, P1: 7}


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
    failed(work, 0)
    assert work.first_offset(P0) == 0
    work.next_batch(CAP_SECONDS)
    succeeded(work)
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


def test_given_two_partitions_when_one_is_in_flight_then_the_other_goes_too_but_never_the_same_twice(
    record: Any,
) -> None:
    work = made(concurrency=3)
    add(work, record, P0, 0)
    first = work.next_batch(0)
    add(work, record, P0, 1)
    add(work, record, P1, 0)
    assert offsets(work.next_batch(0)) == {1: [0]}
    assert work.next_batch(0) is None
    assert first is not None
    work.finish(first, SUCCESS, 0)
    assert offsets(work.next_batch(0)) == {0: [1]}


def test_given_a_batch_of_two_partitions_when_it_fails_then_each_is_retried_on_its_own(record: Any) -> None:
    work = made(concurrency=2)
    add(work, record, P0, 0)
    add(work, record, P1, 0)
    assert offsets(work.next_batch(0)) == {0: [0], 1: [0]}
    failed(work)
    retried = [offsets(work.next_batch(CAP_SECONDS)) for _ in range(2)]
    assert sorted(retried, key=str) == [{0: [0]}, {1: [0]}]


def test_given_one_slot_when_a_partition_keeps_failing_then_new_records_of_others_go_first(
    record: Any,
) -> None:
    work = made(concurrency=1)
    add(work, record, P0, 0)
    work.next_batch(0)
    failed(work, 1)
    add(work, record, P1, 0, now=1)
    assert offsets(work.next_batch(CAP_SECONDS + 1)) == {1: [0]}


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3)])
def test_given_a_retry_limit_when_a_batch_keeps_failing_then_it_is_given_up_after_that_many_attempts(
    record: Any, retries: int, attempts: int
) -> None:
    work = made(max_retries=retries)
    add(work, record, P0, 0, 1)
    for _ in range(attempts):
        batch = work.next_batch(CAP_SECONDS)
        assert batch is not None
        assert batch.condition is None
        failed(work)
    assert work.uncommitted() == {}
    batch = work.next_batch(0)
    assert batch is not None
    assert (batch.condition, offsets(batch)) == (RETRIES_EXHAUSTED, {0: [0, 1]})
    assert batch.chunks[P0].attempts == attempts
    succeeded(work)
    assert work.uncommitted() == {P0: 2}


@pytest.mark.parametrize("name", ["throttled", "unreachable", "rejected", "malformed"])
def test_given_a_retry_limit_when_the_function_was_not_reached_then_it_does_not_count(
    record: Any, name: str
) -> None:
    work = made(max_retries=0)
    add(work, record, P0, 0)
    for _ in range(3):
        batch = work.next_batch(CAP_SECONDS)
        assert batch is not None
        assert batch.condition is None
        failed(work, outcome=Outcome(name, "no"))


def test_given_a_destination_that_fails_when_a_batch_is_given_up_then_it_is_tried_until_it_works(
    record: Any,
) -> None:
    work = made(max_retries=0, has_destination=True)
    add(work, record, P0, 0)
    work.next_batch(0)
    failed(work)
    for now in (0.0, CAP_SECONDS, 2 * CAP_SECONDS):
        batch = work.next_batch(now)
        assert batch is not None
        assert batch.condition == RETRIES_EXHAUSTED
        assert work.uncommitted() == {}
        failed(work, now, Outcome("failed", "no such queue"))
    assert work.error() == "no such queue"
    work.next_batch(3 * CAP_SECONDS)
    succeeded(work)
    assert work.uncommitted() == {P0: 1}


def test_given_bisecting_when_a_batch_fails_then_its_halves_go_in_order_and_the_poison_is_alone_in_the_end(
    record: Any,
) -> None:
    work = made(bisect=True, max_retries=1)
    add(work, record, P0, 0, 1, 2, 3)
    sent: list[list[int]] = []
    given_up: list[list[int]] = []
    while batch := work.next_batch(1e9):
        numbers = offsets(batch)[0]
        (given_up if batch.condition else sent).append(numbers)
        work.finish(batch, ERROR if 2 in numbers and not batch.condition else SUCCESS, 0)
    assert sent == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [2], [3]]
    assert given_up == [[2]]


def test_given_a_partial_failure_when_read_as_from_the_first_then_all_from_it_goes_again(record: Any) -> None:
    work = made()
    add(work, record, P0, 0, 1, 2, 3)
    work.next_batch(0)
    failed(work, outcome=partial(3, 1))
    assert work.uncommitted() == {P0: 1}
    assert offsets(work.next_batch(CAP_SECONDS)) == {0: [1, 2, 3]}


def test_given_a_partial_failure_when_read_as_only_the_named_then_only_they_go_again(record: Any) -> None:
    work = made(item_failures="only-named")
    add(work, record, P0, 0, 1, 2, 3)
    work.next_batch(0)
    failed(work, outcome=partial(3, 1))
    # What comes after an unfinished record is done, but must not be committed.
    assert work.uncommitted() == {P0: 1}
    assert offsets(work.next_batch(CAP_SECONDS)) == {0: [1, 3]}
    succeeded(work)
    assert work.uncommitted() == {P0: 4}


def test_given_a_partial_failure_when_another_partition_has_none_then_that_one_is_done(record: Any) -> None:
    work = made()
    add(work, record, P0, 0)
    add(work, record, P1, 0, 1)
    work.next_batch(0)
    failed(work, outcome=partial(0))
    assert work.uncommitted() == {P1: 2}


def test_given_progress_when_a_later_record_is_the_first_to_fail_then_its_attempts_count_from_one(
    record: Any,
) -> None:
    work = made(max_retries=1)
    add(work, record, P0, 0, 1)
    work.next_batch(0)
    failed(work, outcome=partial(0))
    work.next_batch(CAP_SECONDS)
    failed(work, outcome=partial(1))
    batch = work.next_batch(CAP_SECONDS)
    assert batch is not None
    assert (batch.condition, offsets(batch), batch.attempt) == (None, {0: [1]}, 2)


def test_given_a_record_age_when_records_are_too_old_then_they_are_given_up_and_the_others_delivered(
    record: Any,
) -> None:
    work = made(max_age_seconds=60.0)
    rows = [record(0, timestamp=0), record(1, timestamp=100_000), record(2, timestamp=50_000)]
    work.add(P0, rows, now=0, wall=120)
    seen = []
    while batch := work.next_batch(0):
        seen.append((batch.condition, offsets(batch)[0]))
        succeeded(work)
    assert seen == [(RECORD_AGE_EXCEEDED, [0, 2]), (None, [1])]
    assert work.uncommitted() == {P0: 3}


def test_given_a_record_age_when_it_passes_between_two_attempts_then_there_is_no_second(record: Any) -> None:
    work = made(max_age_seconds=60.0)
    work.add(P0, [record(0, timestamp=100_000)], now=0, wall=100)
    work.next_batch(0)
    failed(work)
    batch = work.next_batch(61)
    assert batch is not None
    assert (batch.condition, batch.chunks[P0].attempts) == (RECORD_AGE_EXCEEDED, 1)


def test_given_filtered_records_when_nothing_waits_before_them_then_they_are_committed(record: Any) -> None:
    work = made(wanted=lambda value: value != b"no")
    rows = [record(n, value=b"no" if n in (0, 2, 3) else b"yes") for n in range(4)]
    assert work.add(P0, rows, 0).filtered == 3
    assert work.uncommitted() == {P0: 1}
    assert offsets(work.next_batch(0)) == {0: [1]}
    assert work.uncommitted() == {P0: 1}
    succeeded(work)
    assert work.uncommitted() == {P0: 4}
    work.committed({P0: 4})
    assert work.uncommitted() == {}


def test_given_a_starting_position_when_records_come_before_it_is_kept_then_it_still_is_to_be_committed(
    record: Any,
) -> None:
    work = made()
    work.start({P0: 7, Partition("t", 9): 1})
    assert work.uncommitted() == {P0: 7}
    add(work, record, P0, 7)
    assert work.uncommitted() == {P0: 7}
    work.committed({P0: 7})
    assert work.uncommitted() == {}


def test_given_records_too_large_when_the_destination_fails_then_nothing_more_is_fetched(record: Any) -> None:
    work = Work(Limits(10, 0, "h:1", payload_bytes=400), Policy(has_destination=True), random.Random(1))
    work.assign([P0, P1])
    work.add(P0, [record(0, value=b"x" * 400)], 0)
    assert work.full() == {P0}
    work.next_batch(0)
    failed(work, outcome=Outcome("failed", "no such queue"))
    assert work.full() == {P0}
    work.next_batch(CAP_SECONDS)
    succeeded(work)
    assert work.full() == set()


@pytest.mark.parametrize("policy", [{"max_retries": 1}, {"max_age_seconds": 60.0}])
def test_given_a_limit_and_no_destination_when_a_record_is_too_large_then_it_is_given_up(
    record: Any, policy: dict[str, Any]
) -> None:
    work = Work(Limits(10, 0, "h:1", payload_bytes=400), Policy(**policy))
    work.assign([P0])
    assert work.add(P0, [record(0, value=b"x" * 400), record(1)], 0, 1_763_800_000).error is None
    batch = work.next_batch(0)
    assert batch is not None
    assert (batch.condition, offsets(batch)) == (RECORD_TOO_LARGE, {0: [0]})
    succeeded(work)
    assert offsets(work.next_batch(0)) == {0: [1]}


@pytest.mark.parametrize("timestamp", [-1, None])
def test_given_a_record_age_when_a_record_has_no_timestamp_then_it_is_new(
    record: Any, timestamp: int | None
) -> None:
    work = made(max_age_seconds=60.0)
    work.add(P0, [record(0, timestamp=timestamp)], now=0, wall=1_763_800_000)
    batch = work.next_batch(59)
    assert batch is not None
    assert batch.condition is None
    failed(work)
    batch = work.next_batch(61)
    assert batch is not None
    assert batch.condition == RECORD_AGE_EXCEEDED


def with_schemas(readings: dict[int, Any], **policy: Any) -> Work:
    """Work whose records are read as `readings` say by offset; others are delivered as they are."""

    def read(record: Any) -> Any:
        fields = (record.topic, record.partition, record.offset, record.timestamp, record.timestamp_type)
        body = (record.key, b"{}", record.headers, None, SchemaMetadata("JSON", "7"), b"{}")
        return readings.get(record.offset) or Reading(*fields, *body)

    return made(read=read, **policy)


def test_given_a_schema_that_is_not_known_yet_when_it_is_then_order_is_kept_and_nothing_was_committed(
    record: Any,
) -> None:
    readings: dict[int, Any] = {1: Waiting()}
    work = with_schemas(readings)
    add(work, record, P0, 0, 1, 2)
    add(work, record, P1, 0)
    assert offsets(work.next_batch(0)) == {0: [0], 1: [0]}
    succeeded(work)
    work.reached({P0: 3})
    assert work.uncommitted() == {P0: 1, P1: 1}
    assert work.looks_up()
    assert (work.stopped(), work.full()) == ({}, {P0})
    add(work, record, P0, 3)
    readings.clear()
    assert work.read_on(0, 0) == 0
    assert not work.looks_up()
    batch = work.next_batch(0)
    assert offsets(batch) == {0: [1, 2, 3]}
    assert batch is not None
    assert b'"headers":[],"valueSchemaMetadata":{"dataFormat":"JSON","schemaId":"7"}}' in batch.payload("h:1")


def test_given_a_registry_that_is_down_when_polled_then_the_partition_stands_still_by_name(
    record: Any,
) -> None:
    work = with_schemas({0: Waiting("the registry is down")})
    add(work, record, P0, 0)
    assert work.next_batch(0) is None
    assert work.stopped() == {P0: "t-0 waits at offset 0: the registry is down"}
    assert not work.looks_up()
    work.drop([P0])
    assert (work.stopped(), work.uncommitted()) == ({}, {})


@pytest.mark.parametrize("condition", ["SCHEMA_NOT_FOUND", "DESERIALIZATION_ERROR"])
def test_given_a_record_that_is_refused_when_there_is_a_destination_then_it_goes_there_as_it_was(
    record: Any, condition: Any
) -> None:
    work = with_schemas({1: Refused(condition, "why", drops=False)}, has_destination=True)
    add(work, record, P0, 0, 1, 2)
    assert offsets(work.next_batch(0)) == {0: [0]}
    succeeded(work)
    given_up = work.next_batch(0)
    assert given_up is not None
    assert (offsets(given_up), given_up.condition, given_up.why) == ({0: [1]}, condition, "why")
    assert b'"value":"dg=="' in given_up.payload("h:1")
    assert b"Metadata" not in given_up.payload("h:1")
    succeeded(work)
    assert offsets(work.next_batch(0)) == {0: [2]}
    succeeded(work)
    assert work.uncommitted() == {P0: 3}


def test_given_no_destination_when_a_record_is_refused_then_only_what_aws_drops_is_dropped(
    record: Any,
) -> None:
    work = with_schemas(
        {0: Refused("DESERIALIZATION_ERROR", "bad"), 1: Refused("SCHEMA_NOT_FOUND", "no", False)}
    )
    add(work, record, P0, 0, 1)
    dropped = work.next_batch(0)
    assert dropped is not None
    assert (offsets(dropped), dropped.condition) == ({0: [0]}, "DESERIALIZATION_ERROR")
    succeeded(work)
    assert work.next_batch(0) is None
    assert work.stopped() == {P0: "t-0 waits at offset 1: no"}
    assert work.uncommitted() == {P0: 1}


def test_given_a_record_age_when_its_schema_is_not_to_be_had_then_the_record_is_given_up(record: Any) -> None:
    work = with_schemas({0: Waiting("down")}, max_age_seconds=60)
    work.add(P0, [record(0, timestamp=0)], 0, wall=59)
    assert work.next_batch(0) is None
    work.read_on(1, 60)
    given_up = work.next_batch(1)
    assert given_up is not None
    assert (given_up.condition, given_up.why) == (RECORD_AGE_EXCEEDED, "down")


def test_given_a_filter_when_a_record_has_a_schema_then_it_sees_the_json(record: Any) -> None:
    seen: list[bytes | None] = []
    work = with_schemas({}, wanted=lambda value: bool(seen.append(value)))
    assert work.add(P0, [record(0)], 0).filtered == 1
    assert seen == [b"{}"]
