"""Mappings that come, change and go while it runs: their pollers follow."""

import logging
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Mapping, Target
from kafka_esm.monitoring.status import Status
from kafka_esm.supervisor import Supervisor

WAIT_SECONDS = 5


def mapping(group: str, **more: Any) -> Mapping:
    return Mapping(Target("f", 3), ("h:1",), "t", group, 100, 0.5, "LATEST", **more)


class FakePoller:
    """Polls until it is told to stop, and then drains until it may end."""

    def __init__(self, mapping: Mapping, stop: threading.Event, drained: threading.Event) -> None:
        self.mapping, self.status, self.fatal = mapping, Status("polling"), None
        self.started = threading.Event()
        self.turned_at: float | None = None
        self._stop, self._drained = stop, drained

    def run(self) -> None:
        self.turned_at = time.monotonic()
        self.started.set()
        self._stop.wait(WAIT_SECONDS)
        self._drained.wait(WAIT_SECONDS)


class Pollers:
    """Makes the pollers, in order."""

    def __init__(self) -> None:
        self.made: list[FakePoller] = []
        self.drained = threading.Event()
        self.refuse: set[str] = set()

    def __call__(self, mapping: Mapping, stop: threading.Event) -> Any:
        if mapping.group in self.refuse:
            raise ConfigurationError(f"{mapping.group} cannot be used")
        self.made.append(FakePoller(mapping, stop, self.drained))
        return self.made[-1]


@pytest.fixture
def pollers() -> Pollers:
    return Pollers()


def polled(supervisor: Supervisor) -> set[str]:
    return {mapping.group for mapping, _ in supervisor.statuses()}


def test_given_a_mapping_that_is_created_disabled_or_deleted_when_followed_then_its_poller_comes_and_goes(
    pollers: Pollers,
) -> None:
    pollers.drained.set()
    supervisor = Supervisor(pollers)
    supervisor.prepare([mapping("a"), mapping("b")], ends_alone=True)
    supervisor.start()
    supervisor.take_up([mapping("a", enabled=False), mapping("b"), mapping("c")])
    assert polled(supervisor) == {"b", "c"}
    supervisor.take_up([mapping("a"), mapping("c")])
    assert polled(supervisor) == {"a", "c"}
    assert [poller.mapping.group for poller in pollers.made] == ["a", "b", "c", "a"]
    supervisor.stop(WAIT_SECONDS)


def with_an_update(pollers: Pollers) -> Supervisor:
    """Return a supervisor whose only mapping was updated: the new poller waits for the old one."""
    supervisor = Supervisor(pollers)
    supervisor.prepare([mapping("a")], ends_alone=True)
    supervisor.start()
    supervisor.take_up([replace(mapping("a"), batch_size=7)])
    return supervisor


def test_given_a_mapping_that_is_updated_when_followed_then_the_new_poller_waits_for_the_old_one(
    pollers: Pollers,
) -> None:
    supervisor = with_an_update(pollers)
    old, new = pollers.made
    assert old.started.wait(WAIT_SECONDS)
    assert not new.started.wait(0.05)  # what the old one has in flight is not over
    pollers.drained.set()
    assert new.started.wait(WAIT_SECONDS)
    supervisor.stop(WAIT_SECONDS)


def test_given_a_bad_mapping_when_followed_then_the_others_go_on_and_it_is_logged_once(
    pollers: Pollers, caplog: pytest.LogCaptureFixture
) -> None:
    pollers.drained.set()
    pollers.refuse = {"bad"}
    supervisor = Supervisor(pollers)
    supervisor.prepare([mapping("bad"), mapping("good")], ends_alone=True)
    supervisor.start()
    supervisor.take_up([mapping("bad"), mapping("good")])
    assert polled(supervisor) == {"good"}
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR] == [
        "mapping cannot be polled: bad cannot be used"
    ]
    pollers.refuse = set()
    supervisor.take_up([mapping("bad"), mapping("good")])
    assert polled(supervisor) == {"bad", "good"}
    supervisor.stop(WAIT_SECONDS)


def test_given_a_bad_mapping_of_a_template_when_started_then_it_is_an_error(pollers: Pollers) -> None:
    pollers.refuse = {"bad"}
    with pytest.raises(ConfigurationError, match="bad cannot be used"):
        Supervisor(pollers).prepare([mapping("good"), mapping("bad")], ends_alone=False)


def test_given_a_poller_that_kafka_refuses_when_others_go_on_then_only_all_of_them_are_a_reason_to_end(
    pollers: Pollers,
) -> None:
    pollers.drained.set()
    for ends_alone in (True, False):
        pollers.made.clear()
        supervisor = Supervisor(pollers)
        supervisor.prepare([mapping("a"), mapping("b")], ends_alone=ends_alone)
        supervisor.start()
        first, second = pollers.made
        first.fatal = "refused"  # type: ignore[assignment]
        assert supervisor.given_up is not ends_alone
        second.fatal = "refused"  # type: ignore[assignment]
        assert supervisor.given_up
        supervisor.stop(WAIT_SECONDS)


def test_given_an_endpoint_that_stumbles_when_followed_then_all_stays_as_it_is(
    pollers: Pollers, caplog: pytest.LogCaptureFixture
) -> None:
    pollers.drained.set()
    supervisor, stop = Supervisor(pollers), threading.Event()
    supervisor.prepare([mapping("a")], ends_alone=True)
    supervisor.start()
    answers = [ConfigurationError("down"), ConfigurationError("down"), KeyError("odd"), [mapping("b")]]

    def look() -> list[Mapping]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            assert polled(supervisor) == {"a"}
            raise answer
        stop.set()
        return answer

    supervisor.follow(look, stop, every_seconds=0)
    assert polled(supervisor) == {"b"}
    assert caplog.text.count("cannot be followed: down") == 1
    supervisor.stop(WAIT_SECONDS)


def test_given_pollers_that_are_not_started_when_asked_then_every_mapping_is_there(pollers: Pollers) -> None:
    pollers.drained.set()
    supervisor = Supervisor(pollers)
    supervisor.prepare([mapping("a"), mapping("b")], ends_alone=False)
    assert polled(supervisor) == {"a", "b"}
    assert not any(poller.started.is_set() for poller in pollers.made)
    supervisor.start()
    assert all(poller.started.wait(WAIT_SECONDS) for poller in pollers.made)
    supervisor.stop(WAIT_SECONDS)


def long_ago() -> float:
    return time.monotonic() - 1_000


def test_given_a_loop_that_hangs_when_asked_then_it_is_not_alive(pollers: Pollers) -> None:
    supervisor = Supervisor(pollers)
    supervisor.prepare([mapping("a"), mapping("b")], ends_alone=True)
    supervisor.start()
    assert all(poller.started.wait(WAIT_SECONDS) for poller in pollers.made)
    assert supervisor.alive()
    pollers.made[1].turned_at = long_ago()
    assert not supervisor.alive()
    pollers.drained.set()
    supervisor.stop(WAIT_SECONDS)


def test_given_a_poller_that_waits_for_the_one_it_replaces_when_asked_then_it_is_alive(
    pollers: Pollers,
) -> None:
    supervisor = with_an_update(pollers)
    waiting = pollers.made[1]
    assert not waiting.started.is_set()
    assert waiting.turned_at is None
    assert supervisor.alive()
    pollers.drained.set()
    supervisor.stop(WAIT_SECONDS)


def test_given_a_poller_that_has_drained_when_another_still_drains_then_they_are_alive(
    pollers: Pollers,
) -> None:
    pollers.drained.set()
    supervisor = Supervisor(pollers)
    supervisor.prepare([mapping("a")], ends_alone=True)
    supervisor.start()
    assert pollers.made[0].started.wait(WAIT_SECONDS)
    supervisor.stop(WAIT_SECONDS)
    pollers.made[0].turned_at = long_ago()
    assert supervisor.alive()
