"""Polls one mapping: Kafka in, invocations out, offsets committed after success."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from kafka.errors import KafkaError

from kafka_esm.batch import Limits
from kafka_esm.invoke import Outcome
from kafka_esm.mapping import Mapping
from kafka_esm.source import Source, connect
from kafka_esm.work import Batch, Work

_LOG = logging.getLogger(__name__)

State = Literal["connecting", "polling", "draining"]

# Nobody waits longer than this for the poller to notice a signal, or a rebalance.
_LONGEST_POLL_SECONDS = 0.25
_POLL_WHILE_IN_FLIGHT_SECONDS = 0.05
_RECONNECT_SECONDS = 0.5
_STATUS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Status:
    """What a poller is doing, for its health."""

    state: State
    lag: dict[str, int | None] = field(default_factory=dict)
    in_flight: int = 0
    retries: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class _Finished:
    batch: Batch
    outcome: Outcome
    size: int
    seconds: float


class Poller:
    """One mapping's loop. `run` it in a thread of its own; `status` may be read from any."""

    def __init__(
        self,
        mapping: Mapping,
        invoke: Callable[[bytes], Outcome],
        stop: threading.Event,
        *,
        session_timeout_seconds: float,
        drain_seconds: float,
    ) -> None:
        self.mapping = mapping
        self.status = Status("connecting")
        self._invoke = invoke
        self._stop = stop
        self._session_timeout_seconds = session_timeout_seconds
        self._drain_seconds = drain_seconds
        self._work = Work(Limits(mapping.batch_size, mapping.window_seconds, mapping.bootstrap))
        self._finished: queue.SimpleQueue[_Finished] = queue.SimpleQueue()
        self._kafka_error: str | None = None
        self._commit_error: str | None = None
        self._status_at = 0.0

    def run(self) -> None:
        """Poll until told to stop, whatever happens to the broker or the endpoint."""
        while not self._stop.is_set():
            try:
                source = connect(self.mapping, self._session_timeout_seconds)
            except Exception as exc:
                self._kafka_failed(exc)
                self._stop.wait(_RECONNECT_SECONDS)
                continue
            try:
                self._poll_until_stopped(source)
                self._drain(source)
            except Exception as exc:
                self._kafka_failed(exc)
                self._stop.wait(_RECONNECT_SECONDS)
            finally:
                # Whoever gets the partitions next starts from what is committed, this poller included.
                self._work.drop_all()
                with contextlib.suppress(Exception):
                    source.close()
        self.status = Status("draining", last_error=self._kafka_error)

    def _poll_until_stopped(self, source: Source) -> None:
        while not self._stop.is_set():
            timeout = self._wait(source)
            changes, records = source.poll(timeout)
            now = time.monotonic()
            for change in changes:
                if change.kind == "revoked":
                    self._work.drop(change.partitions)
                else:
                    self._work.assign(change.partitions)
                    self._kafka_recovered()
            for partition, found in records.items():
                error = self._work.add(partition, found, now)
                if error:
                    _LOG.error(error, extra={"function": self.mapping.target.name})
            self._settle(source)
            self._dispatch()
            source.fetch_all_but(self._work.full())
            self._report(source, changed=bool(changes))

    def _wait(self, source: Source) -> float:
        """Wait for the invocation in flight, if there is one; returns how long to wait for records."""
        if self._work.in_flight is not None:
            # The consumer fetches in its own thread meanwhile. A rebalance needs the poll more.
            self._await_finished(_POLL_WHILE_IN_FLIGHT_SECONDS if source.stable else 0)
            return 0
        wake_at = self._work.wake_at()
        if wake_at is None:
            return _LONGEST_POLL_SECONDS
        return min(_LONGEST_POLL_SECONDS, max(0.0, wake_at - time.monotonic()))

    def _await_finished(self, seconds: float) -> None:
        try:
            finished = self._finished.get(timeout=seconds) if seconds else self._finished.get_nowait()
        except queue.Empty:
            return
        self._log_batch(finished)
        if finished.outcome.ok:
            self._work.succeeded()
        else:
            self._work.failed(finished.outcome.error or finished.outcome.name, time.monotonic())

    def _settle(self, source: Source) -> None:
        """Commit what has been delivered; if that fails, it is tried again after the next poll."""
        if not self._work.uncommitted:
            self._commit_error = None
            return
        try:
            source.commit(self._work.uncommitted)
        except KafkaError as exc:
            if self._commit_error is None:
                _LOG.warning("offsets cannot be committed yet: %s", type(exc).__name__, extra=self._names())
            self._commit_error = f"offsets cannot be committed: {type(exc).__name__}"
        else:
            self._work.committed()
            self._commit_error = None

    def _dispatch(self) -> None:
        if self._work.uncommitted:
            # Going on without being able to commit would only deliver more of it twice.
            return
        batch = self._work.next_batch(time.monotonic())
        if batch is None:
            return
        payload = batch.payload(self.mapping.bootstrap)
        # A daemon: a function that never answers must not keep the process from ending.
        threading.Thread(target=self._run_invocation, args=(batch, payload), daemon=True).start()

    def _run_invocation(self, batch: Batch, payload: bytes) -> None:
        started = time.monotonic()
        try:
            outcome = self._invoke(payload)
        except Exception as exc:
            outcome = Outcome("failed", f"the invocation failed: {type(exc).__name__}")
        self._finished.put(_Finished(batch, outcome, len(payload), time.monotonic() - started))

    def _drain(self, source: Source) -> None:
        """Let the batch in flight end, within limits, and commit it. Everything else is left."""
        self._report(source, changed=True, state="draining")
        deadline = time.monotonic() + self._drain_seconds
        while (self._work.in_flight or self._work.uncommitted) and time.monotonic() < deadline:
            if self._work.in_flight:
                self._await_finished(_POLL_WHILE_IN_FLIGHT_SECONDS)
            source.fetch_nothing()
            changes, _ = source.poll(0)
            for change in changes:
                if change.kind == "revoked":
                    self._work.drop(change.partitions)
            self._settle(source)
        if self._work.in_flight or self._work.uncommitted:
            _LOG.warning(
                "the batch in flight did not end within %g s: it will be delivered again",
                self._drain_seconds,
                extra=self._names(),
            )

    def _kafka_failed(self, exc: Exception) -> None:
        error = f"Kafka: {type(exc).__name__}: {exc}"
        # Once per outage, and again if its nature changes, not at every attempt.
        if self._kafka_error is None or type(exc).__name__ not in self._kafka_error:
            if isinstance(exc, KafkaError | OSError):
                _LOG.warning("not polling, retrying: %s", error, extra=self._names())
            else:
                _LOG.exception("not polling, retrying", extra=self._names())
        self._kafka_error = error
        self.status = Status("connecting", retries=self._work.retries, last_error=error)

    def _kafka_recovered(self) -> None:
        if self._kafka_error is not None:
            _LOG.info("polling again", extra=self._names())
            self._kafka_error = None

    def _report(self, source: Source, *, changed: bool, state: State = "polling") -> None:
        now = time.monotonic()
        busy = int(self._work.in_flight is not None)
        if not changed and busy == self.status.in_flight and now - self._status_at < _STATUS_SECONDS:
            return
        self._status_at = now
        lag = source.lag(self._work.first_offset)
        self.status = Status(
            state if lag or state == "draining" else "connecting",
            lag,
            in_flight=busy,
            retries=self._work.retries,
            last_error=self._work.error() or self._commit_error,
        )

    def _names(self) -> dict[str, object]:
        return {"function": self.mapping.target.name, "topic": self.mapping.topic}

    def _log_batch(self, finished: _Finished) -> None:
        entries = finished.batch.entries
        _LOG.log(
            logging.INFO if finished.outcome.ok else logging.WARNING,
            "batch",
            extra=self._names()
            | {
                "partitions": {str(p.partition): [e[0].offset, e[-1].offset] for p, e in entries.items()},
                "records": sum(len(e) for e in entries.values()),
                "bytes": finished.size,
                "duration_ms": round(finished.seconds * 1000, 1),
                "attempt": finished.batch.failures + 1,
                "outcome": finished.outcome.name,
                "error": finished.outcome.error,
            },
        )
