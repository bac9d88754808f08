"""Polls one mapping: Kafka in, invocations out, offsets committed after success."""

import contextlib
import logging
import queue
import random
import threading
import time
from collections.abc import Callable

from kafka.errors import KafkaConnectionError, KafkaError

from kafka_esm.batching.lanes import Batch, Work
from kafka_esm.batching.plan import Limits
from kafka_esm.batching.policy import Policy
from kafka_esm.batching.retry import backoff_seconds
from kafka_esm.consumer.source import Source
from kafka_esm.delivery.attempt import Finished
from kafka_esm.errors import AccessDenied, ConfigurationError, CredentialsRefused
from kafka_esm.mappings.mapping import Mapping
from kafka_esm.monitoring.metrics import Meters
from kafka_esm.monitoring.status import State, Status

_LOG = logging.getLogger(__name__)

# Nobody waits longer than this for the poller to notice a signal, or a rebalance.
_LONGEST_POLL_SECONDS = 0.25
# While something is in flight, its end is waited for, and new records are looked for this often.
_POLL_WHILE_IN_FLIGHT_SECONDS = 0.02
_RECONNECT_CAP_SECONDS = 5.0
_STATUS_SECONDS = 0.1


class Poller:
    """One mapping's loop. `run` it in a thread of its own; `status` and `fatal` may be read from any."""

    def __init__(
        self,
        mapping: Mapping,
        policy: Policy,
        connect: Callable[[], Source],
        deliver: Callable[[Batch], Finished],
        stop: threading.Event,
        meters: Meters,
        *,
        drain_seconds: float,
    ) -> None:
        self.mapping = mapping
        self.status = Status("connecting")
        # Why it has stopped by itself: it is no use to try again.
        self.fatal: str | None = None
        self._connect = connect
        self._deliver = deliver
        self._stop = stop
        self._meters = meters
        self._drain_seconds = drain_seconds
        self._rng = random.Random()  # noqa: S311 - jitter, not a secret
        self._work = Work(
            Limits(
                mapping.batch_size,
                mapping.window_seconds,
                mapping.bootstrap,
                arn=mapping.event_source_arn,
            ),
            policy,
        )
        self._finished: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._kafka_error: str | None = None
        self._kafka_failures = 0
        self._commit_error: str | None = None
        self._status_at = 0.0
        self._known_stopped: dict[str, str] = {}
        # When its loop turned last, by the monotonic clock: one that hangs is dead. None before it runs.
        self.turned_at: float | None = None

    def run(self) -> None:
        """Poll until told to stop, whatever happens to the broker or the endpoint.

        If the broker refuses access, everything is told to stop, and `fatal` says why.
        """
        while not self._stop.is_set():
            self.turned_at = time.monotonic()
            try:
                source = self._connect()
            except Exception as exc:
                self._kafka_failed(exc)
                continue
            try:
                self._poll_until_stopped(source)
                self._drain(source)
            except CredentialsRefused as exc:
                # They were good once, and may have been changed: connecting takes them as they are now.
                self._kafka_failed(KafkaConnectionError(str(exc)))
            except Exception as exc:
                self._kafka_failed(exc)
            finally:
                # Whoever gets the partitions next starts from what is committed, this poller included.
                self._work.drop_all()
                with contextlib.suppress(Exception):
                    source.close()
        self.status = Status("draining", last_error=self.fatal or self._kafka_error)

    def _poll_until_stopped(self, source: Source) -> None:
        while not self._stop.is_set():
            self.turned_at = time.monotonic()
            changes, records = source.poll(self._wait(source))
            now = time.monotonic()
            for change in changes:
                if change.kind == "revoked":
                    self._work.drop(change.partitions)
                else:
                    self._work.assign(change.partitions)
                    self._work.start(change.starts)
                    self._kafka_recovered()
            for partition, found in records.items():
                added = self._work.add(partition, found, now, time.time())
                self._meters.polled.inc(len(found))
                self._meters.filtered.inc(added.filtered)
            self._meters.filtered.inc(self._work.read_on(now, time.time()))
            self._work.reached(source.positions())
            self._log_stopped(source)
            self._settle(source)
            self._dispatch()
            source.fetch_all_but(self._work.full())
            self._report(source, changed=bool(changes))

    def _wait(self, source: Source) -> float:
        """Wait for what is in flight, if anything is; returns how long to wait for records."""
        wake_at = self._work.wake_at()
        longest = _LONGEST_POLL_SECONDS
        # What is due cannot go as long as offsets cannot be committed.
        if wake_at is not None and self._commit_error is None:
            longest = min(longest, max(0.0, wake_at - time.monotonic()))
        if self._work.looks_up():
            longest = min(longest, _POLL_WHILE_IN_FLIGHT_SECONDS)
        if not self._work.in_flight:
            return longest
        # The consumer fetches in its own thread meanwhile. A rebalance needs the poll more.
        self._await_finished(min(longest, _POLL_WHILE_IN_FLIGHT_SECONDS) if source.stable else 0)
        return 0

    def _await_finished(self, seconds: float) -> None:
        """Take up every attempt that has ended, after waiting for one at most so long."""
        with contextlib.suppress(queue.Empty):
            self._take_up(self._finished.get(timeout=seconds) if seconds else self._finished.get_nowait())
            while True:
                self._take_up(self._finished.get_nowait())

    def _take_up(self, finished: Finished) -> None:
        tally = self._work.finish(finished.batch, finished.outcome, time.monotonic())
        meters = self._meters
        meters.delivered.inc(tally.delivered)
        meters.failed.inc(tally.failed)
        (meters.dead_lettered if self.mapping.destination else meters.discarded).inc(tally.given_up)
        if finished.batch.condition is None:
            meters.batch_records.observe(finished.batch.records)
            meters.invoke_seconds.observe(finished.seconds)
        self._log_batch(finished)

    def _settle(self, source: Source) -> None:
        """Commit what is done; if that fails, it is tried again after the next poll."""
        offsets = self._work.uncommitted()
        if not offsets:
            self._commit_error = None
            return
        try:
            source.commit(offsets)
        except KafkaError as exc:
            if self._commit_error is None:
                _LOG.warning("offsets cannot be committed yet: %s", type(exc).__name__, extra=self._names())
            self._commit_error = f"offsets cannot be committed: {type(exc).__name__}"
        else:
            self._work.committed(offsets)
            self._commit_error = None

    def _dispatch(self) -> None:
        # Going on without being able to commit would only deliver more of it twice.
        while self._commit_error is None and (batch := self._work.next_batch(time.monotonic())):
            # A daemon: a function that never answers must not keep the process from ending.
            threading.Thread(target=self._attempt, args=(batch,), daemon=True).start()

    def _attempt(self, batch: Batch) -> None:
        self._finished.put(self._deliver(batch))

    def _drain(self, source: Source) -> None:
        """Let what is in flight end, within limits, and commit it. Everything else is left."""
        self._report(source, changed=True, state="draining")
        deadline = time.monotonic() + self._drain_seconds
        while (self._work.in_flight or self._work.uncommitted()) and time.monotonic() < deadline:
            self.turned_at = time.monotonic()
            if self._work.in_flight:
                self._await_finished(_POLL_WHILE_IN_FLIGHT_SECONDS)
            source.fetch_nothing()
            # What is in flight has been waited for; a commit that failed is not tried again at once.
            left = max(0.0, deadline - time.monotonic())
            changes, _ = source.poll(min(_LONGEST_POLL_SECONDS, left) if self._commit_error else 0)
            for change in changes:
                if change.kind == "revoked":
                    self._work.drop(change.partitions)
            self._settle(source)
        if self._work.in_flight:
            self._warn_left("what is in flight did not end within %g s: it will be delivered again")
        elif self._work.uncommitted():
            self._warn_left("what is done could not be committed within %g s: it will be delivered again")

    def _warn_left(self, message: str) -> None:
        _LOG.warning(message, self._drain_seconds, extra=self._names())

    def _kafka_failed(self, exc: Exception) -> None:
        """Note the trouble, and wait before the next attempt; longer each time, and never in step."""
        if isinstance(exc, AccessDenied):
            self.fatal = str(exc)
            self._stop.set()
            return
        # kafka-python's own errors begin with their names.
        error = f"Kafka: {exc}" if isinstance(exc, KafkaError) else f"Kafka: {type(exc).__name__}: {exc}"
        # Once per outage, and again if its nature changes, not at every attempt.
        if self._kafka_error is None or type(exc).__name__ not in self._kafka_error:
            if isinstance(exc, KafkaError | OSError | ConfigurationError):
                _LOG.warning("not polling, retrying: %s", error, extra=self._names())
            else:
                _LOG.exception("not polling, retrying", extra=self._names())
        self._kafka_error = error
        self._kafka_failures += 1
        self.status = Status("connecting", retries=self._work.retries, last_error=error)
        self._stop.wait(backoff_seconds(self._kafka_failures, self._rng, _RECONNECT_CAP_SECONDS))

    def _kafka_recovered(self) -> None:
        self._kafka_failures = 0
        if self._kafka_error is not None:
            _LOG.info("polling again", extra=self._names())
            self._kafka_error = None

    def _stopped(self, source: Source) -> dict[str, str]:
        """Return the partitions that stand still, and why; all others go on."""
        found = {
            partition.label: f"{partition.label} is stopped at offset {what.offset}, which cannot be read: "
            f"{what.why}; if it cannot be mended, move the group's offset past it while nothing polls"
            for partition, what in source.unreadable.items()
        }
        return found | {partition.label: why for partition, why in self._work.stopped().items()}

    def _log_stopped(self, source: Source) -> None:
        stopped = self._stopped(source)
        for label, why in stopped.items():
            if self._known_stopped.get(label) != why:
                _LOG.error(why, extra=self._names())
        for label in self._known_stopped.keys() - stopped.keys():
            _LOG.info("%s is not stopped here any more", label, extra=self._names())
        self._known_stopped = stopped

    def _report(self, source: Source, *, changed: bool, state: State = "polling") -> None:
        now = time.monotonic()
        busy = len(self._work.in_flight)
        if not changed and busy == self.status.in_flight and now - self._status_at < _STATUS_SECONDS:
            return
        self._status_at = now
        lag = source.lag(self._work.first_offset)
        trouble = source.trouble
        if state != "draining" and (trouble is not None or not lag):
            state = "standby" if source.standby else "connecting"
        self.status = Status(
            state,
            lag,
            in_flight=busy,
            retries=self._work.retries,
            last_error=trouble
            or next(iter(self._known_stopped.values()), None)
            or self._work.error()
            or self._commit_error,
            stopped=self._known_stopped,
        )

    def _names(self) -> dict[str, object]:
        return {"function": self.mapping.target.name, "topic": self.mapping.topic}

    def _log_batch(self, finished: Finished) -> None:
        batch = finished.batch
        _LOG.log(
            logging.INFO if finished.outcome.ok and batch.condition is None else logging.WARNING,
            "batch" if batch.condition is None else "batch given up",
            extra=self._names()
            | {
                "partitions": {
                    str(p.partition): [chunk.entries[0].offset, chunk.entries[-1].offset]
                    for p, chunk in batch.chunks.items()
                },
                "records": batch.records,
                "bytes": finished.size,
                "duration_ms": round(finished.seconds * 1000, 1),
                "attempt": batch.attempt,
                "outcome": finished.outcome.name,
                "error": finished.outcome.error or batch.why,
                "condition": batch.condition,
                "destination": self.mapping.destination if batch.condition else None,
            },
        )
