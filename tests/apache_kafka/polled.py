"""kafka-esm's poller in a thread of the test, with any function."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kafka_esm.batching.lanes import Batch
from kafka_esm.batching.policy import Policy
from kafka_esm.consumer.source import Isolation, connect
from kafka_esm.delivery.attempt import Finished
from kafka_esm.delivery.outcome import SUCCESS, Outcome
from kafka_esm.mappings.mapping import Mapping
from kafka_esm.monitoring.metrics import families, meters_of
from kafka_esm.poller import Poller
from prometheus_client import CollectorRegistry

Function = Callable[[Batch], Outcome]


class Polled:
    """A poller in a thread, and what was delivered: (partition, offset)."""

    def __init__(
        self,
        mapping: Mapping,
        isolation: Isolation = "read_uncommitted",
        function: Function = lambda _: SUCCESS,
    ) -> None:
        self.function = function
        self.stop = threading.Event()
        self.delivered: list[tuple[int, int]] = []
        meters = meters_of(mapping, families(CollectorRegistry()))
        self.poller = Poller(
            mapping,
            Policy(),
            lambda: connect(mapping, 6, {}, isolation),
            self._deliver,
            self.stop,
            meters,
            drain_seconds=5,
        )
        self.thread = threading.Thread(target=self.poller.run, daemon=True)

    def _deliver(self, batch: Batch) -> Finished:
        self.delivered += [
            (p.partition, e.offset) for p, chunk in batch.chunks.items() for e in chunk.entries
        ]
        return Finished(batch, self.function(batch), 1, 0.0)


@contextmanager
def polling(
    mapping: Mapping, isolation: Isolation = "read_uncommitted", function: Function = lambda _: SUCCESS
) -> Iterator[Polled]:
    polled = Polled(mapping, isolation, function)
    polled.thread.start()
    try:
        yield polled
    finally:
        polled.stop.set()
        polled.thread.join(20)
