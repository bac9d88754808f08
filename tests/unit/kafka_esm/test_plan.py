"""A batch is due by size, by window or by payload, whichever comes first."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st
from kafka_esm.batching.plan import Entry, Limits, Partition, plan
from kafka_esm.consumer.event import encode_event, envelope_bytes, group_bytes

P0, P1 = Partition("t", 0), Partition("t", 1)


def entries(*sizes: int, arrived: float = 0.0, first: int = 0) -> list[Entry]:
    return [Entry(first + n, b"x" * size, arrived) for n, size in enumerate(sizes)]


def taken(buffers: Mapping[Partition, Sequence[Entry]], take: Mapping[Partition, int]) -> bytes:
    return encode_event(
        "h:1", {p.label: [entry.payload for entry in buffers[p][:count]] for p, count in take.items()}
    )


def test_given_no_records_when_planned_then_there_is_no_batch() -> None:
    assert plan({P0: [], P1: []}, Limits(10, 0, "h:1")) is None


def test_given_fewer_records_than_the_size_when_planned_then_the_window_decides() -> None:
    planned = plan({P0: entries(1, 1, arrived=5)}, Limits(10, 2, "h:1"))
    assert planned is not None
    assert planned.due_at == 7
    assert planned.take == {P0: 2}


def test_given_no_window_when_planned_then_one_record_is_due_at_once() -> None:
    planned = plan({P0: entries(1, arrived=5)}, Limits(10, 0, "h:1"))
    assert planned is not None
    assert planned.due_at == 5


def test_given_as_many_records_as_the_size_when_planned_then_the_window_does_not_matter() -> None:
    planned = plan({P0: entries(1, 1, arrived=5), P1: entries(1, 1, arrived=6)}, Limits(3, 300, "h:1"))
    assert planned is not None
    assert planned.due_at == 5
    assert planned.take == {P0: 2, P1: 1}


def test_given_more_than_the_payload_when_planned_then_what_fits_is_due_at_once() -> None:
    room = envelope_bytes("h:1") + group_bytes("t-0") + 30
    buffers = {P0: entries(10, 10, 10, arrived=5)}
    planned = plan(buffers, Limits(100, 300, "h:1", payload_bytes=room))
    assert planned is not None
    assert planned.due_at == 5
    assert planned.take == {P0: 2}


def test_given_several_partitions_when_planned_then_the_longest_waiting_goes_first() -> None:
    planned = plan({P0: entries(1, 1, arrived=9), P1: entries(1, arrived=3)}, Limits(2, 300, "h:1"))
    assert planned is not None
    assert planned.take == {P1: 1, P0: 1}


def test_given_a_record_of_exactly_the_limit_when_asked_then_it_fits_and_one_byte_more_does_not() -> None:
    limits = Limits(1, 0, "h:1", payload_bytes=envelope_bytes("h:1") + group_bytes("t-0") + 5)
    assert limits.fits_alone(P0, b"x" * 5)
    assert not limits.fits_alone(P0, b"x" * 6)


@given(
    sizes=st.lists(st.lists(st.integers(1, 60), max_size=12), min_size=1, max_size=12),
    arrivals=st.lists(st.floats(0, 100), min_size=12, max_size=12),
    limit=st.integers(1, 30),
    payload=st.integers(170, 900),
    window=st.integers(0, 300),
)
def test_given_any_records_when_planned_then_limits_and_order_hold_and_it_is_never_empty(
    sizes: list[list[int]], arrivals: list[float], limit: int, payload: int, window: int
) -> None:
    limits = Limits(limit, window, "h:1", payload_bytes=payload)
    buffers = {
        Partition("t", n): entries(*row, arrived=arrivals[n], first=n * 100) for n, row in enumerate(sizes)
    }
    planned = plan(buffers, limits)
    total = sum(map(len, buffers.values()))
    if planned is None:
        assert total == 0
        return
    count = sum(planned.take.values())
    assert 1 <= count <= limit
    assert all(0 < number <= len(buffers[p]) for p, number in planned.take.items())
    size = len(taken(buffers, planned.take))
    assert size <= payload
    oldest = min(row[0].arrived for row in buffers.values() if row)
    if count == limit or count < total:
        assert planned.due_at == oldest
    else:
        assert planned.due_at == oldest + window
    if count < min(total, limit):
        # Then only the payload can have been in the way: the smallest next record must not fit.
        rest = [row[planned.take.get(p, 0) :] for p, row in buffers.items()]
        largest = max(len(row[0].payload) for row in rest if row)
        assert size + largest + group_bytes("t-00") + 1 > payload
