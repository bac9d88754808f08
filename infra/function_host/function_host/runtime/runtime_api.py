"""Lambda's Runtime API for one execution environment: where the runtime asks for work and leaves its answers.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Event, Thread

# Lambda's limit, 6 MB and a little: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST_ANSWER = 6 * 2**20 + 100

_ROOT = "/2018-06-01/runtime/"
_TOO_LARGE = {
    "errorType": "Function.ResponseSizeTooLarge",
    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).",
}


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function is invoked with."""

    request_id: str
    function_arn: str
    trace_id: str
    payload: bytes
    client_context: str = ""  # JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime said: the function's result, or its error."""

    payload: bytes
    is_error: bool = False


class RuntimeApi(ThreadingHTTPServer):
    """Serves one runtime, on a port of its own: that is how a runtime is known."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.initialised = Event()  # or known to have failed
        self.asked = False  # whether the runtime has ever asked for work: its function could be loaded
        self.work: SimpleQueue[tuple[Invocation, int] | None] = SimpleQueue()
        self.answers: SimpleQueue[Answer | None] = SimpleQueue()  # None: the runtime has ended
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port, for AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self.server_port}"

    def give(self, invocation: Invocation, deadline_ms: int) -> None:
        """Let the runtime have an invocation when it asks for the next one."""
        self.work.put((invocation, deadline_ms))

    def answer(self, answer: Answer | None) -> None:
        """Take the answer to the present invocation, or to the first one if the runtime could not start."""
        self.initialised.set()
        self.answers.put(answer)

    def close(self) -> None:
        """Let go of the runtime and the port."""
        self.work.put(None)
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path != f"{_ROOT}invocation/next":
            self._reply(404)
            return
        self.server.asked = True
        self.server.initialised.set()
        work = self.server.work.get()
        if work is None:
            self.close_connection = True
            return
        invocation, deadline_ms = work
        self._reply(
            200,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
                **(
                    {"Lambda-Runtime-Client-Context": invocation.client_context}
                    if invocation.client_context
                    else {}
                ),
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_error = self.path.endswith("/error")
        # To an answer that is too large Lambda says 413, and the runtime ends itself. Ours goes on.
        self._reply(202, b'{"status":"OK"}')
        if len(body) > LARGEST_ANSWER:
            body, is_error = json.dumps(_TOO_LARGE).encode(), True
        self.server.answer(Answer(body, is_error))

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep silent: the function's log is its own."""
