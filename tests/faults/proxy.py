"""A TCP proxy that can be cut: what is behind it runs on, and nobody reaches it."""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from threading import Thread
from typing import Any

HOST = "127.0.0.1"
_CALL_SECONDS = 10
_CHUNK_BYTES = 64 * 1024


class Proxy:
    """Listens on a port of its own for what listens on `target_port`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._bound = _bind(0)
        self.port: int = self._bound.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.restore()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._call(self._cut())

    def restore(self) -> None:
        """Take connections, from now on."""
        self._call(self._listen())

    def close(self) -> None:
        """End for good."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_SECONDS)
        self._loop.close()
        self._bound.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._bound)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._bound = _bind(self.port)  # refuses, as it does not listen, and nobody else gets the port
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, target[1]}
        self._open |= both
        if self._server is None:  # cut while it was connecting
            writer.transport.abort()
        await asyncio.gather(_pump(reader, target[1]), _pump(target[0], writer))
        self._open -= both


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until one side has enough; then the other side shall know."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


def _bind(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    return bound
