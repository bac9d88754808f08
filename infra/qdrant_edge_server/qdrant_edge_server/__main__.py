"""The command: serve a data folder until told to stop."""

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from qdrant_edge_server.app import build_app
from qdrant_edge_server.errors import StartupError
from qdrant_edge_server.storage import open_storage

log = logging.getLogger("qdrant_edge_server")


def main() -> None:
    """Serve as the arguments say; exit 0 when told to stop, 1 with one line of text when it cannot."""
    parser = argparse.ArgumentParser(
        prog="qdrant_edge_server", description="Qdrant's REST API over Qdrant Edge, in one process."
    )
    parser.add_argument("--path", type=Path, required=True, help="data folder, made if it does not exist")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    # uvicorn stops gracefully on these signals, then sends them again to whoever handled them before: us.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_cleanly)
    try:
        serve(args.path, args.host, args.port)
    except StartupError as error:
        sys.exit(f"qdrant_edge_server: {error}")


def serve(path: Path, host: str, port: int) -> None:
    """Serve a data folder until a signal comes."""
    with open_storage(path) as storage, _listen(host, port) as listener:
        app = build_app(storage, os.environ.get("QDRANT__SERVICE__API_KEY"))
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        where = f"http://{host}:{listener.getsockname()[1]}"
        log.info("serving %s (%d collections) on %s", path, len(storage.collections), where)
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except (OSError, OverflowError) as error:
        raise StartupError(f"cannot listen on {host}:{port}: {error}") from error
    # Inherited by the connections. Without it an answer's body waits for the acknowledgement of its headers,
    # 40 ms; asyncio sets it only on sockets it has made itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _exit_cleanly(_: int, __: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
