"""A page of somebody else that a person has open reads nothing of the console, and does nothing there."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.chromium import STRANGER
from tests.console.person import Person
from tests.e2e.mesh_command import Mesh

TRACE = "5b8efff798038103d269b633813fc60c"
SPAN: dict[str, Any] = {
    "traceId": TRACE,
    "spanId": "eee19b7ec3c1b174",
    "name": "forged",
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
}
EXPORT = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]})
USER = json.dumps({"email": "mallory@x.dev", "name": "Mallory"})
READ = """async ([address, path]) =>
    fetch(address + path).then((answer) => answer.text(), (error) => `refused: ${error.name}`)"""
WRITE = """async ([address, path, body, tenant]) => {
    const simple = { method: "POST", mode: "no-cors", body, headers: { "Content-Type": "text/plain" } };
    const headers = { "Content-Type": "application/json", "X-Tenant": tenant };
    const ways = [simple, { method: "POST", body, headers }];
    const outcome = (way) => fetch(address + path, way).then(() => "answered", (error) => error.name);
    return Promise.all(ways.map(outcome));
}"""


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The address of another page on this machine."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Elsewhere</title>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


@pytest.fixture
def stranger(browser: Browser, elsewhere: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(elsewhere)
    yield page
    page.close()


@pytest.mark.parametrize("path", ["/", "/health", "/api/stream", "/api/tenants", "/api/letters", "/traces"])
def test_given_another_page_when_it_reads_then_it_gets_nothing(
    stranger: Page, address: str, path: str
) -> None:
    assert httpx.get(address + "/health").is_success
    assert stranger.evaluate(READ, [address, path]) == "refused: TypeError"


def test_given_another_page_when_it_writes_then_nothing_is_done(
    stranger: Page, mesh: Mesh, address: str, tenant: str
) -> None:
    for path, body in (
        ("/api/mesh/users/create", USER),
        ("/api/letters/replay", '{"all": true}'),
        ("/v1/traces", EXPORT),
    ):
        assert stranger.evaluate(WRITE, [address, path, body, tenant]) == ["TypeError", "TypeError"]
    with mesh.client(tenant) as client:
        assert list(client.users()) == []
    assert httpx.get(f"{address}/traces/{TRACE}").status_code == 404
    # What a program sends, and no page, is taken.
    sent = httpx.post(f"{address}/v1/traces", content=EXPORT, headers={"Content-Type": "application/json"})
    assert sent.is_success
    assert httpx.get(f"{address}/traces/{TRACE}").is_success


def test_given_another_page_when_it_frames_the_console_then_nothing_is_shown(
    stranger: Page, address: str
) -> None:
    stranger.evaluate(
        "address => document.body.append(Object.assign(document.createElement('iframe'), { src: address }))",
        address,
    )
    frame = stranger.frame_locator("iframe")
    expect(frame.locator("body")).to_be_attached()
    expect(frame.get_by_role("navigation")).to_have_count(0)


def test_given_a_name_that_was_made_to_lead_here_when_opened_then_the_console_is_not_there(
    stranger: Page, address: str
) -> None:
    answer = stranger.goto(address.replace("127.0.0.1", STRANGER))
    assert answer
    assert answer.status == 421
    assert "console-token" not in answer.text()


def test_given_a_page_without_the_token_when_it_asks_then_it_is_refused(person: Person) -> None:
    """As one that was open while the console started anew."""
    asked = "async () => (await fetch('/api/tenants')).status"
    assert person.page.evaluate(asked) == 401
