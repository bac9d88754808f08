"""What happens, told to every open page as server-sent events: https://html.spec.whatwg.org/#server-sent-events.

A page gets the full state whenever it connects, so nothing is kept for those that are away. One that does not
read what it is sent is dropped, and connects again when it can.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Message, Send

_MOST_WAITING = 256  # messages for a page that is slow; what TCP holds comes on top
_SEND_SECONDS = 10.0
_HEARTBEAT_SECONDS = 15.0
_HEARTBEAT = b": still here\n\n"
_END = b""


def message(event: str, data: Any) -> bytes:
    """Return an event as the stream has it; JSON has no line breaks, so data is one line."""
    return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class Hub:
    """The pages that are open; used in one event loop."""

    def __init__(self, heartbeat_seconds: float = _HEARTBEAT_SECONDS) -> None:
        self._heartbeat_seconds = heartbeat_seconds
        self._pages: set[asyncio.Queue[bytes]] = set()
        self._closed = False

    @property
    def pages(self) -> int:
        """How many are open."""
        return len(self._pages)

    def publish(self, event: str, data: Any) -> None:
        """Tell every page, and drop those that are too slow."""
        if not self._pages:
            return
        whole = message(event, data)
        for page in list(self._pages):
            try:
                page.put_nowait(whole)
            except asyncio.QueueFull:
                self._drop(page)

    def close(self) -> None:
        """End every stream, those too that are just about to begin: a server cannot stop before."""
        self._closed = True
        for page in list(self._pages):
            self._drop(page)

    async def listen(self, state: Callable[[], Any]) -> AsyncIterator[bytes]:
        """Yield the state at this moment, then what happens, until the page is dropped."""
        page: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        self._pages.add(page)
        try:
            yield message("state", state())
            while not self._closed and (page in self._pages or not page.empty()):
                try:
                    async with asyncio.timeout(self._heartbeat_seconds):
                        told = await page.get()
                except TimeoutError:
                    told = _HEARTBEAT
                if told == _END:
                    return
                yield told
        finally:
            self._pages.discard(page)

    def _drop(self, page: asyncio.Queue[bytes]) -> None:
        """Forget what waits for a page, and wake its stream to end."""
        self._pages.discard(page)
        while not page.empty():
            page.get_nowait()
        page.put_nowait(_END)


class EventStream(StreamingResponse):
    """A stream that ends when its page does not read for ten seconds."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        """Send the parts as they come."""

        async def timely(part: Message) -> None:
            async with asyncio.timeout(_SEND_SECONDS):
                await send(part)

        with suppress(TimeoutError):
            await super().stream_response(timely)
