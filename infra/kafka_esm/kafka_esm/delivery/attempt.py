"""One attempt to get a batch off the poller's hands: the function is invoked, or the batch is given up."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from kafka_esm.batching.lanes import Batch
from kafka_esm.delivery.destinations import DestinationError
from kafka_esm.delivery.outcome import SUCCESS, Outcome, Sent

# The event and what is in it -> how the invocation ended.
Invoke = Callable[[bytes, Sent], Outcome]
# Puts a batch into the failure destination; raises if that does not work.
GiveUp = Callable[[Batch], None]


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that has ended."""

    batch: Batch
    outcome: Outcome
    size: int
    seconds: float


def deliver(
    batch: Batch, bootstrap: str, invoke: Invoke, give_up: GiveUp | None, arn: str | None = None
) -> Finished:
    """Invoke the function with a batch, or give the batch up; every failure is an outcome.

    Without a destination (`give_up` is None) giving up is all there is to do.
    """
    started = time.monotonic()
    size = 0
    try:
        if batch.condition is None:
            payload = batch.payload(bootstrap, arn)
            size = len(payload)
            outcome = invoke(payload, batch.offsets())
        else:
            outcome = SUCCESS
            if give_up is not None:
                give_up(batch)
    except DestinationError as exc:
        outcome = Outcome("failed", str(exc))
    except Exception as exc:
        what = "the invocation" if batch.condition is None else "giving the batch up"
        outcome = Outcome("failed", f"{what} failed: {type(exc).__name__}")
    return Finished(batch, outcome, size, time.monotonic() - started)
