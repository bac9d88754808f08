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
    """A process of a runtime, in a process group of its own, with no variables but `environment`."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._api = RuntimeApi()
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
        if answer is None:
            failure = f"Runtime exited with error: {self._exit_status()}"
            answer = _error("Runtime.ExitError", failure, invocation)
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

    def _exit_status(self) -> str:
        code = self._process.returncode
        return f"exit status {code}" if code >= 0 else f"signal: {signal.strsignal(-code)}"


def _error(kind: str, message: str, invocation: Invocation) -> Answer:
    text = f"RequestId: {invocation.request_id} Error: {message}"
    return Answer(json.dumps({"errorType": kind, "errorMessage": text}).encode(), is_error=True)
