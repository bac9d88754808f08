"""One attempt: whatever happens in it is an outcome."""

import json
from typing import Any

import pytest
from kafka_esm.batching.lanes import Batch, Chunk
from kafka_esm.batching.plan import Entry, Partition
from kafka_esm.batching.policy import RETRIES_EXHAUSTED
from kafka_esm.consumer.event import encode_record
from kafka_esm.delivery.attempt import deliver
from kafka_esm.delivery.destinations import DestinationError
from kafka_esm.delivery.failures import failures_of
from kafka_esm.delivery.outcome import SUCCESS, Outcome
from kafka_esm.mappings.mapping import Mapping, Target

P0 = Partition("t", 0)
MAPPING = Mapping(Target("f", 3), ("h:1",), "t", "g", 100, 0.5, "TRIM_HORIZON")


def batch(record: Any, **chunk: Any) -> Batch:
    entries = [Entry(offset, encode_record(record(offset)), 0) for offset in (4, 5)]
    return Batch({P0: Chunk(entries, **chunk)})


def test_given_a_batch_when_delivered_then_the_function_gets_the_event_and_its_offsets_are_known(
    record: Any,
) -> None:
    seen = []

    def invoke(payload: bytes, sent: Any) -> Outcome:
        seen.append((json.loads(payload)["bootstrapServers"], sent))
        return SUCCESS

    finished = deliver(batch(record), "h:1", invoke, None)
    assert (finished.outcome, seen) == (SUCCESS, [("h:1", {"t-0": {4, 5}})])


def test_given_an_invocation_that_raises_when_delivered_then_the_batch_has_failed_and_is_not_lost(
    record: Any,
) -> None:
    def invoke(*_: object) -> Outcome:
        raise RuntimeError("the secret")

    attempt = batch(record)
    finished = deliver(attempt, "h:1", invoke, None)
    assert finished.batch is attempt
    assert finished.outcome == Outcome("failed", "the invocation failed: RuntimeError")


def never(*_: object) -> Outcome:
    raise AssertionError("a batch that is given up is not delivered")


def test_given_a_batch_to_be_given_up_when_there_is_a_destination_then_it_gets_it(record: Any) -> None:
    written: list[Batch] = []
    attempt = batch(record, condition=RETRIES_EXHAUSTED)
    assert deliver(attempt, "h:1", never, written.append).outcome.ok
    assert written == [attempt]
    assert deliver(attempt, "h:1", never, None).outcome.ok


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DestinationError("the queue q is gone"), "the queue q is gone"),
        (RuntimeError("the secret"), "giving the batch up failed: RuntimeError"),
    ],
)
def test_given_a_destination_that_raises_when_a_batch_is_given_up_then_it_has_failed(
    record: Any, error: Exception, message: str
) -> None:
    def give_up(_: Batch) -> None:
        raise error

    finished = deliver(batch(record, condition=RETRIES_EXHAUSTED), "h:1", never, give_up)
    assert finished.outcome == Outcome("failed", message)


def test_given_a_batch_that_was_tried_when_given_up_then_the_last_answer_is_told(record: Any) -> None:
    answer = Outcome("function_error", "boom", status=200, function_error="Unhandled", request_id="r")
    attempt = batch(record, attempts=3, invoked=answer, condition=RETRIES_EXHAUSTED)
    (failure,) = failures_of(attempt, MAPPING, "eu-north-1")
    assert failure.function_arn == "arn:aws:lambda:eu-north-1:000000000000:function:f"
    assert (failure.request_id, failure.invoke_count, failure.condition) == ("r", 3, RETRIES_EXHAUSTED)
    assert failure.response is not None
    assert (failure.response.status_code, failure.response.function_error) == (200, "Unhandled")
    assert (failure.label, [json.loads(row)["offset"] for row in failure.records]) == ("t-0", [4, 5])


def test_given_a_batch_that_was_never_sent_when_given_up_then_there_is_no_answer_to_tell(record: Any) -> None:
    (failure,) = failures_of(batch(record, condition=RETRIES_EXHAUSTED), MAPPING, "eu-north-1")
    assert (failure.response, failure.invoke_count, failure.request_id) == (None, 0, "")
