"""A dead letter is the record as it was, with six headers that say why and where from."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from users.consumer import dead_letters
from users.consumer.dead_letters import Poison, dead_letter, notes, own_record
from users.consumer.received import Received, received
from users.events import PoisonRecordError, Reason, Record

from tests.kafka import delivered

ERROR = PoisonRecordError(Reason.NOT_JSON, "the value is not JSON: EOF")
names = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda name: not name.startswith("dlq-"))
records = st.builds(
    Record,
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(names, st.binary())),
)


def letter(record: Record) -> Record:
    return dead_letter(Poison(Received("user.events", 3, 42, record), ERROR))


@given(record=records)
def test_given_any_record_when_delivered_by_the_poller_then_it_is_received_as_it_was(record: Record) -> None:
    [sent] = delivered(record)["records"]["user.events-0"]
    assert received(sent) == Received("user.events", 0, 0, record)


def test_given_signed_bytes_and_repeated_headers_when_received_then_they_are_kept_in_order() -> None:
    sent = {
        "topic": "t",
        "partition": 1,
        "offset": 2,
        "key": None,
        "headers": [{"a": [-1, -128, 127]}, {"b": []}, {"a": [0]}, {"c": None}],
    }
    headers = [("a", b"\xff\x80\x7f"), ("b", b""), ("a", b"\x00"), ("c", b"")]
    assert received(sent) == Received("t", 1, 2, Record(None, None, headers))


@given(record=records)
def test_given_any_record_when_it_is_a_dead_letter_then_it_is_all_there(record: Record) -> None:
    made = letter(record)
    assert made.headers[: len(record.headers)] == record.headers
    assert [name for name, _ in made.headers[len(record.headers) :]] == [
        "dlq-reason",
        "dlq-error",
        "dlq-topic",
        "dlq-partition",
        "dlq-offset",
        "dlq-time",
    ]
    assert made.value == record.value
    assert made.key == (b"" if record.key is None and record.value is None else record.key)


@given(record=records)
def test_given_a_dead_letter_when_it_is_one_again_then_it_says_so_once(record: Record) -> None:
    first = letter(record)
    again = dead_letter(Poison(Received("user.events", 4, 43, first), ERROR))
    assert own_record(again) == own_record(first)
    assert len(again.headers) == len(first.headers)
    assert (notes(again)["partition"], notes(again)["offset"]) == ("4", "43")


def test_given_a_dead_letter_when_read_then_it_says_why_and_where_from_and_when() -> None:
    said = notes(letter(Record(b"k", b"v", [])))
    time = said.pop("time")
    assert said == {
        "reason": "not-json",
        "error": "the value is not JSON: EOF",
        "topic": "user.events",
        "partition": "3",
        "offset": "42",
    }
    assert time.endswith("Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()) < 60


def test_given_a_record_that_is_no_dead_letter_when_read_then_it_says_nothing() -> None:
    assert notes(Record(None, b"v", [("ce_id", b"1")])) == {}


def test_given_no_poison_when_sent_then_nothing_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DEAD_LETTER_TOPIC", raising=False)
    dead_letters.send([])
