"""What a process writes, kept until it is taken."""

import os
import select
from collections.abc import Callable
from threading import Lock, Thread

_CHUNK = 65_536
_NEVER_TAKEN = 1 << 20  # bytes that are kept of what nobody takes, as between two invocations: the last ones

Sink = Callable[[bytes], None]


class Output:
    """The reading end of a pipe. What was written before `take` is called is in what it returns.

    A thread reads on, so that the writer never waits. `take` reads too: what a function wrote before it
    answered may still be in the pipe when the answer is there. `sink` gets every piece as it comes, and
    nothing (b"") at the end.
    """

    def __init__(self, descriptor: int, sink: Sink | None = None) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._sink = sink
        self._lock = Lock()
        self._unread = bytearray()
        self._ended = False
        self._thread = Thread(target=self._follow, daemon=True)
        self._thread.start()

    def take(self) -> str:
        """Return what was written since the last call."""
        with self._lock:
            self._read()
            text = self._unread.decode(errors="replace")
            self._unread.clear()
        return text

    def wait(self, timeout: float) -> None:
        """Wait until all writers are gone and everything is read, or for so many seconds."""
        self._thread.join(timeout)

    def _follow(self) -> None:
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN)
        while not self._ended:
            ready.poll()
            with self._lock:
                self._read()
        os.close(self._descriptor)

    def _read(self) -> None:
        """Read what is in the pipe, up to its end if all writers are gone."""
        try:
            while not self._ended:
                chunk = os.read(self._descriptor, _CHUNK)
                self._ended = not chunk
                self._unread += chunk
                if self._sink is not None:
                    self._sink(chunk)
        except BlockingIOError:
            pass
        if self._sink is not None:
            del self._unread[:-_NEVER_TAKEN]
