"""MiniStack's worker, held to its function's memory, with layers that it shares."""

import subprocess
import time
from threading import Thread
from typing import Any

from lambda_workers import endings, memory
from ministack.core import lambda_runtime

from mesh_ministack import layers

_ENDED = ("Worker process died", "[Errno 32] Broken pipe")  # so MiniStack says that the process is gone


class Worker(lambda_runtime.Worker):  # type: ignore[misc]
    """One execution environment, whose process is another one after each end."""

    config: dict[str, Any]
    _process: subprocess.Popen[str] | None = None  # the last one: MiniStack forgets it when it has ended
    _killed: subprocess.Popen[str] | None = None

    def _spawn(self) -> None:
        config = self.config
        self.config = layers.unpacked(config)
        try:
            super()._spawn()
        finally:
            self.config, self._process = config, self._proc

    def invoke(self, event: Any, request_id: str, **context: Any) -> Any:
        """Invoke the function; if its process ended meanwhile, say how."""
        try:
            result = super().invoke(event, request_id, **context)
        except RuntimeError:  # it did not get as far as to take the event
            if self._killed is not self._process:
                raise
            result = {}
        self.hold()
        process = self._process
        if process is not None and (process is self._killed or result.get("error") in _ENDED):
            result |= {"status": "error", "error": endings.told(process.wait())}
        return result

    def hold(self) -> None:
        """Kill the process if it takes more memory than its function may have."""
        process = self._proc
        if process is not None and memory.exceeded(process.pid, self.config["MemorySize"]):
            self._killed = process
            process.kill()


def watch() -> None:
    """Hold every worker to its memory from now on."""

    def hold_all() -> None:
        while True:
            time.sleep(memory.LOOK_SECONDS)
            with lambda_runtime._lock:
                workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
            for worker in workers:
                if worker.in_use and isinstance(worker, Worker):
                    worker.hold()

    Thread(target=hold_all, name="mesh-memory", daemon=True).start()
