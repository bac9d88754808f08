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

from lambda_workers import endings, memory

from mesh_localstack.output import Output
from mesh_localstack.runtime_api import Answer, Invocation, RuntimeApi

# Lambda's limit of the init phase. What takes longer is counted as part of the first invocation.
_INIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Result:
    """An invocation's end, with everything the process has written since the one before."""

    payload: bytes
    is_error: bool
    logs: str


class Worker:
    """A process of a runtime, in a process group of its own, with no variables but `environment`.

    One that takes more memory than `memory_mb` is killed.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], memory_mb: int
    ) -> None:
        self._api = RuntimeApi()
        self._memory_mb = memory_mb
        self._too_large = False
        reading, writing = os.pipe()
        self._output = Output(reading)
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
        """Whether it can be invoked again."""
        return not self._ended.is_set()

    def invoke(self, invocation: Invocation, timeout: float) -> Result:
        """Return the function's answer; if there is none in time, or no process any more, Lambda's error."""
        self._api.initialised.wait(_INIT_SECONDS)
        started = time.time()
        self._api.give(invocation, int((started + timeout) * 1000))
        failure = ""
        try:
            answer = self._api.answers.get(timeout=timeout)
        except Empty:
            self._kill()
            failure = f"Task timed out after {timeout:.2f} seconds"
            answer = _error("Sandbox.Timedout", failure, invocation)
        if self._hold() or answer is None:
            self._ended.wait()
            failure = endings.told(self._process.returncode)
            answer = _error(endings.ERROR_TYPE, failure, invocation)
        milliseconds = (time.time() - started) * 1000
        logs = (
            f"START RequestId: {invocation.request_id}\n{self._output.take()}\n{failure}\n"
            f"END RequestId: {invocation.request_id}\n"
            f"REPORT RequestId: {invocation.request_id}\tDuration: {milliseconds:.2f} ms\n"
        )
        return Result(answer.payload, answer.is_error, logs)

    def stop(self) -> str:
        """End the process and all that it started; return what it has written since its last answer."""
        self._kill()
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
