"""What a page is told, and what becomes of one that does not listen."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from mesh.console import stream
from mesh.console.stream import EventStream, Hub, message

Told = list[tuple[str, Any]]


def told(part: bytes) -> tuple[str, Any]:
    name, data, *rest = part.decode().split("\n")
    assert rest == ["", ""]
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def running(work: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work(), 20))


@pytest.mark.parametrize("data", ["a\nb\r\n\n", {"event: evil": "\u2028\n\ndata: x"}, [], None, "ü 😀"])
def test_given_any_data_when_told_then_it_is_one_event(data: Any) -> None:
    part = message("visits", data)
    assert part.count(b"\n") == 3
    assert b"\r" not in part
    assert told(part) == ("visits", data)


def test_given_a_page_when_it_connects_then_it_is_told_the_state_and_then_what_happens() -> None:
    async def work() -> None:
        hub = Hub()
        page = hub.listen(lambda: {"pages": hub.pages})
        assert told(await anext(page)) == ("state", {"pages": 1})
        hub.publish("visits", [1])
        hub.publish("visits", [2])
        assert [told(await anext(page)), told(await anext(page))] == [("visits", [1]), ("visits", [2])]
        await page.aclose()
        assert hub.pages == 0

    running(work)


def test_given_nothing_happens_when_waited_then_a_heartbeat_is_a_comment() -> None:
    async def work() -> None:
        page = Hub(heartbeat_seconds=0.001).listen(dict)
        await anext(page)
        assert (await anext(page)).startswith(b": ")

    running(work)


def test_given_a_page_that_does_not_read_when_too_much_waits_then_it_is_dropped_and_others_are_not() -> None:
    async def work() -> None:
        hub = Hub()
        slow, quick = hub.listen(dict), hub.listen(dict)
        await anext(slow)
        await anext(quick)
        for number in range(1_000):
            hub.publish("visits", number)
            assert told(await anext(quick)) == ("visits", number)
        assert hub.pages == 1
        with pytest.raises(StopAsyncIteration):  # nothing of what waited for it was kept
            await anext(slow)

    running(work)


def test_given_pages_when_the_console_stops_then_every_stream_ends_at_once() -> None:
    async def work() -> None:
        hub = Hub()
        page = hub.listen(dict)
        await anext(page)
        waiting = asyncio.ensure_future(anext(page, None))
        await asyncio.sleep(0)
        hub.close()
        assert await waiting is None
        late = hub.listen(dict)
        assert [told(part) async for part in late] == [("state", {})]

    running(work)


def test_given_a_client_that_never_takes_what_is_sent_when_waited_then_its_stream_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "_SEND_SECONDS", 0.01)
    closed = []

    async def parts() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.append(True)

    async def stuck(part: Any) -> None:
        if part.get("body"):
            await asyncio.Event().wait()

    async def work() -> None:
        source = parts()
        await EventStream(source).stream_response(stuck)
        await source.aclose()

    running(work)
    assert closed == [True]
