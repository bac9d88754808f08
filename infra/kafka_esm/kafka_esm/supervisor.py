"""The pollers of what is mapped now: started, replaced and stopped as mappings come, change and go."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kafka_esm import logs
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Mapping
from kafka_esm.monitoring.status import Status
from kafka_esm.poller import Poller

_LOG = logging.getLogger(__name__)
_FOLLOW_SECONDS = 2.0
# A loop turns every quarter of a second, and while it connects at least within a request's time limit.
_DEAD_AFTER_SECONDS = 90.0

# Returns the mappings as they are now.
Look = Callable[[], Sequence[Mapping]]
Make = Callable[[Mapping, threading.Event], Poller]


@dataclass(frozen=True, slots=True)
class _Running:
    poller: Poller
    stop: threading.Event
    thread: threading.Thread

    @property
    def ended(self) -> bool:
        return self.stop.is_set() and not self.thread.is_alive()


class Supervisor:
    """Keeps one poller for every mapping that is enabled. A mapping that has changed is another one."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._running: dict[Mapping, _Running] = {}
        self._leaving: list[_Running] = []
        self._refused: dict[Mapping, str] = {}
        self._ends_alone = False
        self._lock = threading.Lock()
        self._started = self._stopped = False

    def prepare(self, mappings: Sequence[Mapping], *, ends_alone: bool) -> None:
        """Make the pollers, which are connecting until `start`.

        With `ends_alone`, a mapping that cannot be used, or that Kafka refuses, leaves the others alone.

        Raises:
            ConfigurationError: a mapping cannot be used, without `ends_alone`.

        """
        self._ends_alone = ends_alone
        for mapping in mappings:
            if ends_alone:
                self._try(mapping)
            else:
                self._keep(mapping, *self._made(mapping))

    def start(self) -> None:
        """Start what was prepared, and from now on whatever comes."""
        with self._lock:
            self._started = True
            for running in self._running.values():
                running.thread.start()

    def take_up(self, mappings: Sequence[Mapping]) -> None:
        """Start pollers for what is new, and stop those of what is gone; a change is both, in turn."""
        wanted = dict.fromkeys(mapping for mapping in mappings if mapping.enabled)
        with self._lock:
            if self._stopped:
                return
            for mapping in [mapping for mapping in self._running if mapping not in wanted]:
                running = self._running.pop(mapping)
                running.stop.set()
                self._leaving.append(running)
                _LOG.info(
                    "mapping is gone, changed or not enabled: it is no longer polled", extra=_names(mapping)
                )
            self._leaving = [running for running in self._leaving if running.thread.is_alive()]
            self._refused = {mapping: why for mapping, why in self._refused.items() if mapping in wanted}
            for mapping in wanted:
                if mapping not in self._running:
                    self._try(mapping)

    def _try(self, mapping: Mapping) -> None:
        try:
            poller, stop = self._made(mapping)
        except ConfigurationError as exc:
            if self._refused.get(mapping) != str(exc):
                _LOG.error("mapping cannot be polled: %s", exc, extra=_names(mapping))
            self._refused[mapping] = str(exc)
            return
        self._refused.pop(mapping, None)
        self._keep(mapping, poller, stop)

    def _made(self, mapping: Mapping) -> tuple[Poller, threading.Event]:
        stop = threading.Event()
        return self._make(mapping, stop), stop

    def _keep(self, mapping: Mapping, poller: Poller, stop: threading.Event) -> None:
        logs.set_level(mapping.target.name, mapping.topic, mapping.log_level)
        before = [
            running.thread for running in self._leaving if running.poller.mapping.group == mapping.group
        ]

        def run() -> None:
            # Not two of one group in one process: what the first has in flight would be delivered twice.
            for thread in before:
                thread.join()
            if not stop.is_set():
                _LOG.info("polling", extra=_names(mapping))
                poller.run()

        # A daemon, so that a thread stuck in a call cannot outlive the limit of `stop`.
        thread = threading.Thread(target=run, daemon=True)
        self._running[mapping] = _Running(poller, stop, thread)
        if self._started:
            thread.start()

    def follow(self, look: Look, stop: threading.Event, every_seconds: float = _FOLLOW_SECONDS) -> None:
        """Take up what changes, until told to stop. While nothing can be learnt, all stays as it is."""
        trouble: str | None = None
        while not stop.wait(every_seconds):
            try:
                self.take_up(look())
            except ConfigurationError as exc:
                if str(exc) != trouble:
                    _LOG.warning("changes of mappings cannot be followed: %s", exc)
                trouble = str(exc)
            except Exception:
                # Whatever a strange answer leads to: the pollers go on.
                _LOG.exception("changes of mappings cannot be followed")
            else:
                trouble = None

    def statuses(self) -> list[tuple[Mapping, Status]]:
        """Return every mapping that is polled, and how it is."""
        return [(running.poller.mapping, running.poller.status) for running in self._all()]

    def alive(self) -> bool:
        """Return whether every poller's loop turns, but for those that have ended or not begun yet."""
        latest = time.monotonic() - _DEAD_AFTER_SECONDS
        return all(
            turned_at is None or turned_at > latest
            for turned_at in (running.poller.turned_at for running in self._all() if not running.ended)
        )

    def _all(self) -> list[_Running]:
        with self._lock:
            return list(self._running.values())

    @property
    def fatal(self) -> list[str]:
        """Why pollers have stopped by themselves."""
        return [
            f"{running.poller.mapping.topic}: {running.poller.fatal}"
            for running in self._all()
            if running.poller.fatal
        ]

    @property
    def given_up(self) -> bool:
        """Whether there is no use in going on."""
        fatal = len(self.fatal)
        return fatal > 0 and (not self._ends_alone or fatal == len(self._all()))

    def stop(self, seconds: float) -> None:
        """Stop all pollers, and wait for each so long at most."""
        with self._lock:
            self._stopped = True
            all_of_them = [*self._running.values(), *self._leaving]
        for running in all_of_them:
            running.stop.set()
        for running in all_of_them:
            running.thread.join(timeout=seconds)


def _names(mapping: Mapping) -> dict[str, object]:
    return {"function": mapping.target.name, "topic": mapping.topic, "group": mapping.group}
