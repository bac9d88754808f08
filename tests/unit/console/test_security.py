"""Who may ask the console: attacks that a page of somebody else can make a browser do."""

import re
from collections.abc import Mapping

import pytest
from mesh.console.app import Console
from mesh.console.security import Guard, refusal
from starlette.testclient import TestClient

PORT, TOKEN = 4321, "the token"
HOST = f"127.0.0.1:{PORT}"
PAGE = {"host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin", "x-console-token": TOKEN}
WITHOUT_BROWSER = {"host": HOST, "x-console-token": TOKEN}
LINK = {
    "host": HOST,
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}
EVIL = "http://evil.example"


def status(method: str, path: str, headers: Mapping[str, str]) -> int | None:
    refused = refusal(method, path, headers, PORT, TOKEN)
    return refused.status if refused else None


@pytest.mark.parametrize(
    ("what", "method", "path", "headers"),
    [
        ("its own page asks", "GET", "/api/letters", PAGE),
        ("its own page changes", "DELETE", "/api/mesh/users/1", PAGE),
        (
            "by its other name",
            "GET",
            "/api/stream",
            {**PAGE, "host": f"localhost:{PORT}", "origin": f"http://localhost:{PORT}"},
        ),
        ("in capitals", "GET", "/", {"host": f"LocalHost:{PORT}"}),
        ("a program with the token", "GET", "/api/letters", WITHOUT_BROWSER),
        (
            "an address is typed",
            "GET",
            "/",
            {"host": HOST, "sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
        ),
        ("a link is followed", "GET", "/", LINK),
        ("functions send spans", "POST", "/v1/traces", {"host": HOST}),
        ("mesh traces", "GET", "/traces", {"host": HOST}),
    ],
)
def test_given_who_may_ask_when_asked_then_it_is_answered(
    what: str, method: str, path: str, headers: dict[str, str]
) -> None:
    assert status(method, path, headers) is None, what


@pytest.mark.parametrize(
    ("what", "method", "path", "headers", "refused"),
    [
        ("a name that was made to point here", "GET", "/", {"host": f"evil.example:{PORT}"}, 421),
        (
            "and its page, to which it is the same origin",
            "GET",
            "/api/letters",
            {**PAGE, "host": f"evil.example:{PORT}", "origin": f"{EVIL}:{PORT}"},
            421,
        ),
        ("a name that only begins like ours", "GET", "/", {"host": f"127.0.0.1.evil.example:{PORT}"}, 421),
        ("another port", "GET", "/", {"host": "127.0.0.1:80"}, 421),
        ("no port", "GET", "/", {"host": "127.0.0.1"}, 421),
        ("another address of this machine", "GET", "/", {"host": f"0.0.0.0:{PORT}"}, 421),
        ("no host", "GET", "/", {}, 421),
        ("another origin", "POST", "/api/letters/replay", {**PAGE, "origin": EVIL}, 403),
        ("a page in a sandbox", "POST", "/api/letters/replay", {**PAGE, "origin": "null"}, 403),
        ("the same host by TLS", "GET", "/api/letters", {**PAGE, "origin": f"https://{HOST}"}, 403),
        (
            "a page of another port of this machine",
            "GET",
            "/traces",
            {"host": HOST, "origin": "http://127.0.0.1:3000"},
            403,
        ),
        (
            "an image of another page",
            "GET",
            "/static/favicon.svg",
            {
                "host": HOST,
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "no-cors",
                "sec-fetch-dest": "image",
            },
            403,
        ),
        (
            "a page of this machine's other port",
            "GET",
            "/api/letters",
            {**PAGE, "sec-fetch-site": "same-site"},
            403,
        ),
        ("in a frame", "GET", "/", {**LINK, "sec-fetch-dest": "iframe"}, 403),
        ("a form that is sent here", "POST", "/", LINK, 403),
        ("a link to something else", "GET", "/traces", LINK, 403),
        ("no token", "GET", "/api/letters", {"host": HOST}, 401),
        ("another token", "DELETE", "/api/mesh/users/1", {**PAGE, "x-console-token": "guessed"}, 401),
        ("a token that is no ASCII", "GET", "/api/letters", {**PAGE, "x-console-token": "ü\udc80"}, 401),
        ("an empty token", "GET", "/api/stream", {**PAGE, "x-console-token": ""}, 401),
        ("a page that sends spans", "POST", "/v1/traces", {"host": HOST, "origin": f"http://{HOST}"}, 403),
        (
            "a page that sends spans without its origin",
            "POST",
            "/v1/traces",
            {"host": HOST, "sec-fetch-site": "none"},
            403,
        ),
    ],
)
def test_given_an_attack_when_asked_then_it_is_refused(
    what: str, method: str, path: str, headers: dict[str, str], refused: int
) -> None:
    assert status(method, path, headers) == refused, what


@pytest.fixture
def browser() -> TestClient:
    console = Console(PORT, TOKEN)
    return TestClient(Guard(console.app(), PORT, TOKEN), base_url=f"http://{HOST}")


@pytest.mark.parametrize(
    "path", ["/", "/health", "/static/main.js", "/static/console.css", "/nothing", "/api/letters"]
)
def test_given_any_answer_when_read_by_a_browser_then_it_is_told_to_be_careful(
    browser: TestClient, path: str
) -> None:
    headers = browser.get(path).headers
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_given_the_page_when_opened_then_it_has_the_token_and_no_script_of_its_own(
    browser: TestClient,
) -> None:
    page = browser.get("/").text
    assert f'<meta name="console-token" content="{TOKEN}">' in page
    assert re.findall(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:|https?://", page) == []


def test_given_every_file_of_the_page_when_asked_for_then_it_is_there_with_its_type(
    browser: TestClient,
) -> None:
    asked, seen = ["/static/main.js"], set()
    while asked:
        path = asked.pop()
        if path in seen:
            continue
        seen.add(path)
        script = browser.get(path)
        assert script.headers["content-type"].startswith("text/javascript"), path
        asked += [f"/static/{name}" for name in re.findall(r'from "\./([\w.]+)"', script.text)]
    assert len(seen) > 10
    assert browser.get("/static/console.css").headers["content-type"].startswith("text/css")
    assert browser.get("/static/favicon.svg").headers["content-type"].startswith("image/svg+xml")


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/security.py", "/static//etc/passwd"]
)
def test_given_a_path_that_leads_out_when_asked_for_then_there_is_nothing(
    browser: TestClient, path: str
) -> None:
    assert browser.get(path).status_code == 404


def test_given_no_script_of_the_page_when_it_shows_a_record_then_it_could_not_make_html_of_it() -> None:
    from mesh.console.app import _STATIC

    for script in _STATIC.glob("*.js"):
        unsafe = (
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|setHTML"
        )
        assert re.findall(unsafe, script.read_text(encoding="utf-8")) == [], script.name
