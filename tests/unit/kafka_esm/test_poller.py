"""The poller's loop when Kafka is in trouble; with a broker it is tested as a process."""

import threading
from typing import Any

from kafka.errors import KafkaConnectionError
from kafka_esm.errors import AccessDenied
from kafka_esm.mapping import Mapping, Target
from kafka_esm.metrics import families, meters_of
from kafka_esm.policy import Policy
from kafka_esm.poller import Poller
from prometheus_client import CollectorRegistry

MAPPING = Mapping(Target("f", 3), ("h:1",), "t", "g", 100, 0.5, "TRIM_HORIZON")


class Stop(threading.Event):
    """Notes how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


def poller(errors: list[Exception], stop: Stop) -> Poller:
    def connect() -> Any:
        raise errors.pop(0)

    def deliver(_: object) -> Any:
        raise AssertionError("there is nothing to deliver")

    meters = meters_of(MAPPING, families(CollectorRegistry()))
    return Poller(MAPPING, Policy(), connect, deliver, stop, meters, drain_seconds=1)


def test_given_access_denied_when_connecting_then_it_stops_at_once_and_says_why() -> None:
    stop = Stop()
    made = poller([AccessDenied("wrong password")], stop)
    made.run()
    assert (made.fatal, stop.is_set(), stop.waits) == ("wrong password", True, [])
    assert made.status.last_error == "wrong password"


def test_given_a_broker_that_is_gone_when_connecting_then_the_waits_grow_with_jitter() -> None:
    stop = Stop()
    poller([*[KafkaConnectionError("gone")] * 12, AccessDenied("the end")], stop).run()
    assert all(0 <= wait <= min(5, 0.2 * 2**n) for n, wait in enumerate(stop.waits))
    assert len(set(stop.waits)) == 12
