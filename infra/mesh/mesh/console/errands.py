"""The worker process of the console, as the server speaks to it: see worker.py."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any

from mesh.errors import MeshError

_SECONDS = 120  # to replay many takes long
_IDLE_SECONDS = 60
_MOST_BYTES = 256 * 2**20  # an answer is one line


class Errands:
    """Runs errands one after the other, in a process that is there only while it is needed."""

    def __init__(
        self,
        module: str = "mesh.console.worker",
        seconds: float = _SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._command = (sys.executable, "-m", module)
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._one_at_a_time = asyncio.Lock()
        self._process: Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def run(self, errand: str, **arguments: Any) -> Any:
        """Return what an errand returns; MeshError says what went wrong."""
        line = json.dumps({"do": errand, **arguments}).encode() + b"\n"
        async with self._one_at_a_time:
            if self._idle is not None:
                self._idle.cancel()
            try:
                async with asyncio.timeout(self._seconds):
                    answered = await self._ask(line)
            except TimeoutError:
                self._end()
                raise MeshError(f"No answer within {self._seconds:g} s. See: mesh status") from None
            except BaseException:
                self._end()  # what is still to come must not be the next one's answer
                raise
            self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._end)
        answer = json.loads(answered)
        if "error" in answer:
            raise MeshError(answer["error"])
        return answer["result"]

    async def close(self) -> None:
        """End the process, if there is one, and wait for its end."""
        process = self._process
        self._end()
        if process is not None:
            await process.wait()

    def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._process = None

    async def _ask(self, line: bytes) -> bytes:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, limit=_MOST_BYTES
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with suppress(ConnectionError):
            stdin.write(line)
            await stdin.drain()
            if answered := await stdout.readline():
                return answered
        raise MeshError("That ended in an error of the console's own. See: mesh logs console")
