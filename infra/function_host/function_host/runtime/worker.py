"""An execution environment: a process that runs a function, one invocation after the other, until it dies."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from threading import Event, Thread
from typing import Literal

from lambda_workers import endings, memory

from function_host.runtime.output import Output, Sink
from function_host.runtime.runtime_api import Answer, Invocation, RuntimeApi

# Lambda's limit of the init phase. What takes longer is counted as part of the first invocation.
_INIT_SECONDS = 10


_END_SECONDS = 5  # the longest that the rest of a dead process' output is waited for

Outcome = Literal["success", "error", "timeout", "crash"]


@dataclass(frozen=True, slots=True)
class Result:
    """An invocation's end, with everything the process has written since the one before."""

    payload: bytes
    outcome: Outcome
    logs: str
    failure: str = ""  # what the log says of a timeout or a crash
    seconds: float = 0

    @property
    def is_error(self) -> bool:
        """Whether the payload is an error: Lambda's "FunctionError"."""
        return self.outcome != "success"


class Worker:
    """A process of a runtime, in a process group of its own, with no variables but `environment`.

    One that takes more memory than `memory_mb` is killed. `sink` gets what it writes, as it comes.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        memory_mb: int,
        sink: Sink | None = None,
    ) -> None:
        self._api = RuntimeApi()
        self._memory_mb = memory_mb
        self._too_large = False
        reading, writing = os.pipe()
        self._output = Output(reading, sink)
        try:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                process_group=0,
            )
        except OSError:
            self._api.close()
            raise
        finally:
            os.close(writing)
        self._ended = Event()
        Thread(target=self._wait, daemon=True).start()
        Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return not self._ended.is_set()

    @property
    def usable(self) -> bool:
        """Whether it can be invoked: one that could not load its function is about to end."""
        return self.alive and (self._api.asked or not self._api.initialised.is_set())

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    def started(self, timeout: float) -> bool:
        """Wait until the function is loaded, or has failed to; return whether it is."""
        return self._api.initialised.wait(timeout) and self.usable

    def invoke(self, invocation: Invocation, timeout: float) -> Result:
        """Return the function's answer; if there is none in time, or no process any more, Lambda's error."""
        self._api.initialised.wait(_INIT_SECONDS)
        started = time.time()
        self._api.give(invocation, int((started + timeout) * 1000))
        failure = ""
        outcome: Outcome | None = None
        try:
            answer = self._api.answers.get(timeout=timeout)
        except Empty:
            self._kill()
            failure = f"Task timed out after {timeout:.2f} seconds"
            answer, outcome = _error("Sandbox.Timedout", failure, invocation), "timeout"
        if self._hold() or answer is None:
            self._ended.wait()
            failure = endings.told(self._process.returncode)
            answer, outcome = _error(endings.ERROR_TYPE, failure, invocation), "crash"
        seconds = time.time() - started
        logs = (
            f"START RequestId: {invocation.request_id}\n{self._output.take()}\n{failure}\n"
            f"END RequestId: {invocation.request_id}\n"
            f"REPORT RequestId: {invocation.request_id}\tDuration: {seconds * 1000:.2f} ms\n"
        )
        outcome = outcome or ("error" if answer.is_error else "success")
        return Result(answer.payload, outcome, logs, failure, seconds)

    def stop(self) -> str:
        """End the process and all that it started; return what it has written since its last answer."""
        self._kill()
        self._output.wait(_END_SECONDS)
        return self._output.take()

    def _hold(self) -> bool:
        """Kill the process if it takes more memory than it may; return whether it ever did."""
        if self.alive and memory.exceeded(self._process.pid, self._memory_mb):
            self._too_large = True
            self._process.kill()
        return self._too_large

    def _watch(self) -> None:
        while not self._ended.wait(memory.LOOK_SECONDS):
            self._hold()

    def _kill(self) -> None:
        if self.alive:
            self._process.kill()
            self._ended.wait()

    def _wait(self) -> None:
        self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it has started does not outlive it
        self._ended.set()
        self._api.answer(None)
        self._api.close()


def _error(kind: str, message: str, invocation: Invocation) -> Answer:
    text = f"RequestId: {invocation.request_id} Error: {message}"
    return Answer(json.dumps({"errorType": kind, "errorMessage": text}).encode(), is_error=True)
