"""The poller's loop when Kafka is in trouble; with a broker it is tested as a process."""

import threading
from collections.abc import Mapping as Offsets
from dataclasses import replace
from typing import Any

import pytest
from kafka.errors import CommitFailedError, KafkaConnectionError
from kafka_esm.batching.lanes import Batch
from kafka_esm.batching.plan import Partition
from kafka_esm.batching.policy import Policy
from kafka_esm.consumer.source import Change
from kafka_esm.delivery.attempt import Finished
from kafka_esm.delivery.outcome import SUCCESS
from kafka_esm.errors import AccessDenied, CredentialsRefused
from kafka_esm.mappings.mapping import Mapping, Target
from kafka_esm.monitoring.metrics import families, meters_of
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


class FakeSource:
    """Has one record; says how it was polled once a commit had failed, and stops the poller then."""

    stable = True
    standby = False
    trouble: str | None = None

    def __init__(self, stop: Stop, record: Any, commit_failures: int) -> None:
        self._stop = stop
        self._records = [record(0)]
        self._failures = commit_failures
        self.unreadable: dict[Partition, Any] = {}
        self.polls: list[float] = []
        self.committed: dict[Partition, int] = {}

    def poll(self, timeout: float) -> tuple[list[Change], dict[Partition, list[Any]]]:
        if self._stop.is_set():
            self.polls.append(timeout)
        if not self._records:
            return [], {}
        return [Change("assigned", [Partition("t", 0)], {})], {Partition("t", 0): [self._records.pop()]}

    def commit(self, offsets: Offsets[Partition, int]) -> None:
        self._stop.set()
        if self._failures:
            self._failures -= 1
            raise CommitFailedError
        self.committed |= offsets

    def lag(self, _: object) -> dict[str, int | None]:
        return {"t-0": 0}

    def positions(self) -> dict[Partition, int]:
        return {}

    def fetch_all_but(self, _: object) -> None:
        pass

    def fetch_nothing(self) -> None:
        pass

    def close(self) -> None:
        pass


def polling(source: Any, stop: Stop, deliver: Any, drain_seconds: float) -> Poller:
    mapping = replace(MAPPING, window_seconds=0)
    meters = meters_of(mapping, families(CollectorRegistry()))
    return Poller(mapping, Policy(), lambda: source, deliver, stop, meters, drain_seconds=drain_seconds)


class Refused(FakeSource):
    """Was let in, and is no more: somebody has changed the password."""

    def poll(self, timeout: float) -> Any:
        raise CredentialsRefused("the password is old")


@pytest.mark.parametrize("in_the_secret", ["a new password", "still the old one"])
def test_given_credentials_that_are_refused_when_polling_then_those_in_the_secret_decide(
    in_the_secret: str, record: Any
) -> None:
    stop = Stop()
    well = FakeSource(stop, record, commit_failures=0)
    sources: list[Any] = [Refused(stop, record, commit_failures=0)]

    def connect() -> Any:
        if sources:
            return sources.pop()
        if in_the_secret == "still the old one":
            raise CredentialsRefused("the password is old")
        return well

    meters = meters_of(MAPPING, families(CollectorRegistry()))
    made = Poller(MAPPING, Policy(), connect, delivered, stop, meters, drain_seconds=60)
    made.run()
    if in_the_secret == "a new password":
        assert (made.fatal, well.committed) == (None, {Partition("t", 0): 1})
    else:
        assert (made.fatal, well.committed) == ("the password is old", {})
    assert len(stop.waits) == 1


def delivered(batch: Batch) -> Finished:
    return Finished(batch, SUCCESS, 1, 0.0)


def test_given_commits_that_fail_at_once_when_draining_then_it_does_not_spin(record: Any) -> None:
    stop = Stop()
    source = FakeSource(stop, record, commit_failures=4)
    polling(source, stop, delivered, drain_seconds=60).run()
    assert source.committed == {Partition("t", 0): 1}
    assert source.polls == [0.25] * 4


def test_given_no_commit_before_the_limit_when_drained_then_it_says_that_it_is_the_commit(
    record: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Stop()
    polling(FakeSource(stop, record, commit_failures=10**6), stop, delivered, drain_seconds=1e-9).run()
    assert "what is done could not be committed within 1e-09 s" in caplog.text
    assert "in flight" not in caplog.text


def test_given_an_invocation_that_does_not_end_when_drained_then_it_says_that_it_is_in_flight(
    record: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stop, end = Stop(), threading.Event()

    def never(batch: Batch) -> Finished:
        stop.set()
        end.wait()
        return delivered(batch)

    polling(FakeSource(stop, record, commit_failures=0), stop, never, drain_seconds=1e-9).run()
    end.set()
    assert "what is in flight did not end within 1e-09 s" in caplog.text


def test_given_a_broker_that_does_not_answer_when_polled_then_it_is_connecting_and_says_so(
    record: Any,
) -> None:
    stop = Stop()
    source = FakeSource(stop, record, commit_failures=0)
    source.trouble = "the broker does not answer"
    seen = []
    made = polling(source, stop, delivered, drain_seconds=60)
    lag = source.lag

    def noted(first_offset: object) -> dict[str, int | None]:
        seen.append(made.status)
        return lag(first_offset)

    source.lag = noted  # type: ignore[method-assign]
    made.run()
    assert ("connecting", "the broker does not answer") in [(s.state, s.last_error) for s in seen]
