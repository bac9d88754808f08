"""What a process writes, kept until it is taken."""

import os
import select
from threading import Lock, Thread

_CHUNK = 65_536


class Output:
    """The reading end of a pipe. What was written before `take` is called is in what it returns.

    A thread reads on, so that the writer never waits. `take` reads too: what a function wrote before it
    answered may still be in the pipe when the answer is there.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._lock = Lock()
        self._unread = bytearray()
        self._ended = False
        Thread(target=self._follow, daemon=True).start()

    def take(self) -> str:
        """Return what was written since the last call."""
        with self._lock:
            self._read()
            text = self._unread.decode(errors="replace")
            self._unread.clear()
        return text

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
        except BlockingIOError:
            return
