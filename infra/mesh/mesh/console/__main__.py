"""Serves the console on loopback: python -m mesh.console --port PORT."""

import asyncio
import secrets
from argparse import ArgumentParser
from types import FrameType

import uvicorn

from mesh.console.app import Console
from mesh.console.security import Guard
from mesh.console.stream import Hub

_STOP_SECONDS = 3
_MOST_CONNECTIONS = 200


class Server(uvicorn.Server):
    """Uvicorn, which ends the open streams first: it would wait for them as long as a page is open."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._hub.close)


def main() -> None:
    """Serve until SIGTERM."""
    parser = ArgumentParser(prog="mesh.console")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    token = secrets.token_urlsafe(32)
    console = Console(port, token)
    config = uvicorn.Config(
        Guard(console.app(), port, token),
        host="127.0.0.1",
        port=port,
        access_log=False,  # it would have what is searched for
        log_level="warning",
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    Server(config, console.hub).run()


if __name__ == "__main__":
    main()
