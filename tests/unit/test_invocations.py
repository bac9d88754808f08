"""The mesh invokes a function once, and waits for as long as it may run."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from botocore.exceptions import ConnectionClosedError
from mesh import schedule
from mesh.clients import aws


class Lambda(ThreadingHTTPServer):
    """Lambda's API with one function, of a Timeout of 900 s, whose invocations it does not answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.invocations = 0
        self.tells_timeouts = True
        self.invoked = Event()
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Lambda

    def do_GET(self) -> None:
        body = json.dumps({"FunctionName": "slow", "Timeout": 900}).encode()
        self.send_response(200 if self.server.tells_timeouts else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.invocations += 1
        self.server.invoked.set()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep silent."""


@pytest.fixture
def functions() -> Iterator[Lambda]:
    server = Lambda()
    yield server
    server.shutdown()
    server.server_close()


def test_given_no_answer_when_invoked_then_it_is_not_sent_again(functions: Lambda) -> None:
    with pytest.raises(ConnectionClosedError):
        aws.invoke(functions.url, "slow", "{}")

    assert functions.invocations == 1


def test_given_a_long_timeout_when_invoked_then_the_client_waits_for_it(
    functions: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, client = [], aws.client
    monkeypatch.setattr(aws, "client", lambda *given: made.append(client(*given)) or made[-1])

    with pytest.raises(ConnectionClosedError):
        aws.invoke(functions.url, "slow", "{}")

    assert made[-1].meta.config.read_timeout > 900


def test_given_no_answer_when_scheduled_then_it_is_not_sent_again(functions: Lambda) -> None:
    schedule.run(["slow"], functions.url, 0.01, stopped=functions.invoked)

    assert functions.invocations == 1


def test_given_nobody_who_tells_the_timeout_when_invoked_then_the_client_waits_for_the_longest(
    functions: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sam local start-lambda` can invoke, and nothing else."""
    functions.tells_timeouts = False
    test_given_a_long_timeout_when_invoked_then_the_client_waits_for_it(functions, monkeypatch)
