"""Whatever Qdrant answers, it is unavailable: for as long as it says, if it says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import QdrantClient
from vectors import index
from vectors.client import connect, retry_after
from vectors.errors import UnavailableError
from vectors.index import Entry, UserIndex
from vectors.ranking import Search
from vectors.settings import Settings, settings

VECTOR = [1.0, 0.0]
USES = {
    "store": lambda users: users.write([Entry("tenant-a", 1, "a@x.dev", "A", "", [VECTOR], 1)]),
    "count": lambda users: users.count("tenant-a"),
    "search": lambda users: users.search("tenant-a", Search("chef"), VECTOR, 5),
}


@contextmanager
def answering(status: int, body: bytes, *headers: tuple[str, str]) -> Iterator[str]:
    """Be a Qdrant that has one answer to everything; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for header in (*headers, ("Content-Length", str(len(body)))):
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - as the base class wants them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def client(url: str) -> QdrantClient:
    return connect(Settings(QDRANT_URL=url, EMBEDDING_MODEL="model", EMBEDDING_DIMENSION=2))


def in_seconds(seconds: int) -> str:
    """Return an HTTP date."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


WAITS: dict[str, tuple[str | None, set[int | None]]] = {
    "seconds": ("7", {7}),
    "a date": (in_seconds(60), set(range(1, 61))),
    "a date that is past": (in_seconds(-60), {1}),
    "no time": ("0", {1}),
    "a day": ("86400", {300}),
    "a date in a year": (in_seconds(365 * 86400), {300}),
    "junk": ("soon", {None}),
    "nothing": (None, {None}),
}


@pytest.mark.parametrize(("status", "wait"), [*((429, wait) for wait in WAITS), (503, "a date")])
@pytest.mark.parametrize("use", USES)
def test_given_qdrant_asks_to_wait_when_used_then_it_is_unavailable_for_that_long(
    status: int, wait: str, use: str
) -> None:
    header, seconds = WAITS[wait]
    headers = [("Retry-After", header)] if header else []
    with answering(status, b"{}", *headers) as url, pytest.raises(UnavailableError) as failed:
        USES[use](UserIndex(client(url), "users"))
    assert failed.value.retry_after_seconds in seconds


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b"Must provide an API key"),
        (404, b'{"status":{"error":"no such collection"}}'),
        (429, b"null"),
        (500, b""),
        (502, b"<html>"),
        (504, b"\xff"),
    ],
)
@pytest.mark.parametrize("use", USES)
def test_given_any_answer_that_is_no_success_when_used_then_it_is_unavailable(
    status: int, body: bytes, use: str
) -> None:
    with answering(status, body) as url, pytest.raises(UnavailableError, match="Qdrant did not"):
        USES[use](UserIndex(client(url), "users"))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"{}", b'{"result":null}', b'{"result":7}', b"[", b"\xff"]
)
@pytest.mark.parametrize("use", USES)
def test_given_a_success_that_is_no_answer_when_used_then_it_is_unavailable(body: bytes, use: str) -> None:
    with answering(200, body) as url, pytest.raises(UnavailableError, match="Qdrant did not"):
        USES[use](UserIndex(client(url), "users"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("EMBEDDING_MODEL", "model")
    monkeypatch.setenv("EMBEDDING_DIMENSION", "2")
    yield monkeypatch
    settings.cache_clear()
    index.user_index.cache_clear()


@pytest.mark.parametrize("wait", WAITS)
def test_given_qdrant_asks_to_wait_when_opened_then_it_is_unavailable_for_that_long(
    opened: pytest.MonkeyPatch, wait: str
) -> None:
    header, seconds = WAITS[wait]
    with answering(429, b"{}", *([("Retry-After", header)] if header else [])) as url:
        opened.setenv("QDRANT_URL", url)
        settings.cache_clear()
        index.user_index.cache_clear()
        with pytest.raises(UnavailableError, match="did not open the collection") as failed:
            index.user_index()
    assert failed.value.retry_after_seconds in seconds


@given(text=st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d \S*"))
def test_given_any_text_as_a_wait_when_read_then_it_is_a_bounded_wait_or_none(text: str) -> None:
    wait = retry_after(text)
    assert wait is None or 1 <= wait <= 300


@pytest.mark.parametrize("text", ["-7", "7.5", "7 s", "+7", "0x7", "1e3", "٧", "7, 7", " ", "inf", "nan"])
def test_given_what_is_neither_seconds_nor_a_date_when_read_then_there_is_no_wait(text: str) -> None:
    assert retry_after(text) is None
