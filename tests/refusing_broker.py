"""A Kafka that refuses every client, and hangs up in the same breath."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from struct import pack

from kafka.errors import SaslAuthenticationFailedError

_CORRELATION_ID = slice(8, 12)  # of the request's first bytes: size, API, version, correlation id
_NO_APIS = pack(">i", 0)


@contextmanager
def refusing_broker() -> Iterator[str]:
    """Yield the address of a broker that answers ApiVersions by an error, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        asked = connection.recv(4096)[_CORRELATION_ID]
                        answer = asked + pack(">h", SaslAuthenticationFailedError.errno) + _NO_APIS
                        connection.sendall(pack(">i", len(answer)) + answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
