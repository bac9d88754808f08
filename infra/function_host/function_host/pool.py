"""The workers of one function: one invocation at a time in each; others wait, or are throttled."""

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from function_host.config import Function
from function_host.runtime.environment import identity, layout
from function_host.runtime.output import Sink
from function_host.runtime.runtime_api import Invocation
from function_host.runtime.worker import Result, Worker

_LOG = logging.getLogger(__name__)

Made = TypeVar("Made")

_LONGEST_START_SECONDS = 120
_PAUSES_SECONDS = (0.2, 1, 5, 15)  # between the attempts to start a worker that does not


@dataclass(frozen=True, slots=True)
class Runtime:
    """A Python that has awslambdaric, and its name as Lambda's runtime, such as python3.13."""

    python: str
    name: str


class ThrottledError(Exception):
    """All workers were busy for as long as an invocation waits."""


class Pool:
    """The workers of a function. Made and used in one event loop; the workers' own work is in threads.

    `inherited` are the variables of the host that its functions get, too. `sink` makes what a worker's
    output goes to.
    """

    def __init__(
        self,
        function: Function,
        runtime: Runtime,
        inherited: Mapping[str, str],
        sink: Callable[[], Sink],
        observe: Callable[[str, Result], None],
    ) -> None:
        self.function = function
        self.ready = function.min_workers == 0
        self.busy = 0  # workers that answer an invocation
        self._runtime, self._inherited = runtime, inherited
        self._sink, self._observe = sink, observe
        self._places = asyncio.Semaphore(function.workers)
        self._threads = ThreadPoolExecutor(function.workers, f"worker-{function.name}")
        self._idle: list[Worker] = []
        self._scratch: dict[Worker, Path] = {}  # of each worker there is
        self._invocations: set[asyncio.Task[Result]] = set()
        self._warming: set[asyncio.Task[None]] = set()

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._scratch)

    async def invoke(self, invocation: Invocation) -> Result:
        """Invoke the function and return its answer. Whoever waits may go away: the invocation does not.

        Raises:
            ThrottledError: no worker became free in time.

        """
        task = asyncio.create_task(self._queue(invocation))
        self._invocations.add(task)
        task.add_done_callback(self._invocations.discard)
        return await asyncio.shield(task)

    def warm(self) -> None:
        """Begin to start the workers that are to be there before the first invocation."""
        self._warming = {asyncio.create_task(self._warm()) for _ in range(self.function.min_workers)}

    async def drain(self, seconds: float) -> int:
        """Wait until every invocation has ended, but no longer than that; return how many have not."""
        if self._invocations:
            await asyncio.wait(self._invocations, timeout=seconds)
        return len(self._invocations)

    async def stop(self) -> None:
        """End all workers, whatever they do."""
        for task in self._warming:
            task.cancel()
        while self._scratch:
            await asyncio.gather(*(asyncio.to_thread(self._end, each) for each in [*self._scratch]))
            await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)  # one may just be starting

    async def _queue(self, invocation: Invocation) -> Result:
        try:
            async with asyncio.timeout(self.function.queue_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise ThrottledError from None
        return await self._invoke(invocation)

    async def _invoke(self, invocation: Invocation) -> Result:
        """Have one worker answer; its place was taken before."""
        self.busy += 1
        worker: Worker | None = None
        try:
            worker = await self._free()
            if worker is None:
                worker = await self._in_thread(self._start)
            result = await self._in_thread(worker.invoke, invocation, self.function.timeout_seconds)
            self._observe(self.function.name, result)
            return result
        finally:
            if worker is not None and worker.usable:
                self._idle.append(worker)  # the last one comes first: what is not needed stays idle
            elif worker is not None:
                await self._in_thread(self._end, worker)
            self.busy -= 1
            self._places.release()

    async def _free(self) -> Worker | None:
        """Return a worker that has nothing to do; those that have ended meanwhile are put away."""
        while self._idle:
            worker = self._idle.pop()
            if worker.usable:
                return worker
            await self._in_thread(self._end, worker)
        return None

    async def _warm(self) -> None:
        """Start one worker that has loaded the function, however many attempts that takes."""
        async with self._places:
            for attempt in count():
                try:
                    worker = await self._in_thread(self._start)
                except OSError as error:
                    _LOG.error("%s: a worker cannot be started: %s", self.function.name, error)
                else:
                    if await self._in_thread(worker.started, _LONGEST_START_SECONDS):
                        break
                    await self._in_thread(self._end, worker)
                await asyncio.sleep(_PAUSES_SECONDS[min(attempt, len(_PAUSES_SECONDS) - 1)])
            self._idle.append(worker)
            self.ready = self.ready or self.workers >= self.function.min_workers

    def _start(self) -> Worker:
        function = self.function
        scratch = Path(tempfile.mkdtemp(prefix="lambda-"))
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{secrets.token_hex(16)}"
        own_path = function.environment.get("PYTHONPATH", "")
        worker = Worker(
            [self._runtime.python, "-m", "awslambdaric", function.handler],
            function.code,
            {
                "PYTHONDONTWRITEBYTECODE": "1",  # code and layers are read-only, or shared
                **self._inherited,
                **function.environment,
                **identity(function.name, function.handler, function.memory_mb, stream),
                **layout(function.code, function.layers, self._runtime.name, own_path, scratch),
            },
            function.memory_mb,
            self._sink(),
        )
        self._scratch[worker] = scratch
        return worker

    def _end(self, worker: Worker) -> None:
        worker.stop()
        shutil.rmtree(self._scratch.pop(worker, ""), ignore_errors=True)

    async def _in_thread(self, work: Callable[..., Made], *arguments: Any) -> Made:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def inherited() -> dict[str, str]:
    """Return the host's own variables that its functions get: all but those that are for the host itself."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FUNCTION_HOST_", "PYTHON", "VIRTUAL_ENV"))
    }
