"""A schema registry with as much of Confluent's API as serializers need, and with faults to be told to it."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit


class Answer(NamedTuple):
    status: int
    body: Any


NOT_FOUND = Answer(404, {"error_code": 40403, "message": "Schema not found"})


@dataclass
class Registry:
    url: str = ""
    # By id, from 1.
    schemas: list[dict[str, Any]] = field(default_factory=list)
    # What comes next instead of the right answer; None for ever.
    faults: list[Answer] = field(default_factory=list)
    down: Answer | None = None
    asked: list[str] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)

    def register(self, subject: str, schema: dict[str, Any]) -> dict[str, Any]:
        for known in self.schemas:
            if (known["subject"], known["schema"]) == (subject, schema["schema"]):
                return known
        number = len(self.schemas) + 1
        version = 1 + sum(known["subject"] == subject for known in self.schemas)
        guid = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
        self.schemas.append({**schema, "id": number, "guid": guid, "subject": subject, "version": version})
        return self.schemas[-1]

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        if self.faults:
            return self.faults.pop(0)
        if self.down:
            return self.down
        for known in self.schemas:
            named = f"/subjects/{known['subject']}/versions/{known['version']}"
            if path in (f"/schemas/ids/{known['id']}", f"/schemas/guids/{known['guid']}", named):
                return Answer(200, known)
        return NOT_FOUND


@contextmanager
def schema_registry(tls: SSLContext | None = None) -> Iterator[Registry]:
    """Yield a registry that is running, with TLS for `localhost` if it is given how."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.authorization.append(self.headers["Authorization"])
            self._send(registry.answer(unquote(urlsplit(self.path).path)))

        def do_POST(self) -> None:
            schema = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = re.fullmatch(r"/subjects/([^/]+)(/versions)?", urlsplit(self.path).path)
            assert found
            self._send(Answer(200, registry.register(unquote(found[1]), schema)))

        def _send(self, answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            if answer.status // 100 == 3:
                self.send_header("Location", f"{registry.url}/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is of no interest."""

    server = Server(("127.0.0.1", 0), Handler)
    registry.url = f"http://127.0.0.1:{server.server_port}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        registry.url = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
