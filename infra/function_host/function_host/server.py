"""The host as a process: two listeners, and an end that loses nothing.

A pod gets SIGTERM while others still send to it. So it first says that it is not ready and goes on, and then
stops accepting: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn

from function_host.errors import ConfigurationError
from function_host.host import Host
from function_host.http.internal_api import internal_api
from function_host.http.rest_api import RestApi

# A load balancer keeps idle connections for 60 s at most by default: it shall be the one that closes them.
_IDLE_SECONDS = 75
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the host listens, and how it ends."""

    address: str = "127.0.0.1"
    port: int = 8080  # the REST API, if there are routes
    internal_port: int = 8081  # Invoke API, health, metrics
    # Whose X-Forwarded-For and -Proto are believed, comma-separated; * for everybody's.
    forwarded_allow_ips: str = "127.0.0.1"
    drain_delay_seconds: float = 0  # from "not ready" to the end of accepting
    grace_seconds: float = 30  # how long what has begun may take then


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`."""
        yield


async def serve(host: Host, listening: Listening) -> None:
    """Serve until SIGTERM or SIGINT; then let what has begun end, and the workers after it.

    Raises:
        ConfigurationError: a port cannot be had.

    """
    stopped, hurry = asyncio.Event(), asyncio.Event()
    internal = _server(internal_api(host), listening.internal_port, listening)
    servers = [internal]
    if host.config.gateway.routes:
        servers.append(_server(RestApi(host), listening.port, listening))

    def stop() -> None:
        """Begin to end; asked again, end at once."""
        hurry.set() if stopped.is_set() else stopped.set()
        for server in servers:
            server.force_exit = hurry.is_set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    sockets = [_bound(server) for server in servers]
    running = [asyncio.create_task(each.serve([bound])) for each, bound in zip(servers, sockets, strict=True)]
    host.warm()
    _LOG.info(
        "serving %s at %s", ", ".join(host.config.functions), ", ".join(_address(each) for each in sockets)
    )
    try:
        await asyncio.wait(
            [*running, waiting := asyncio.create_task(stopped.wait())], return_when="FIRST_COMPLETED"
        )
        waiting.cancel()
        host.draining = True
        _LOG.info("draining")
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), listening.drain_delay_seconds)
        ending = asyncio.get_running_loop().time() + listening.grace_seconds
        # The REST API first: until it has ended, health and metrics are there to be asked.
        for server, task in reversed([*zip(servers, running, strict=True)]):
            server.should_exit = True
            await task
        await host.stop(0 if hurry.is_set() else max(0, ending - asyncio.get_running_loop().time()))
    finally:
        await host.stop(0)
    _LOG.info("stopped")


def _server(app: Any, port: int, listening: Listening) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            listening.address,
            port,
            access_log=False,
            date_header=True,
            forwarded_allow_ips=listening.forwarded_allow_ips,
            http="h11",
            lifespan="off",
            log_config=None,
            log_level="warning",
            loop="asyncio",
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=max(1, round(listening.grace_seconds)),
            ws="none",
        )
    )


def _bound(server: uvicorn.Server) -> socket.socket:
    address = (server.config.host, server.config.port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    # asyncio turns Nagle's algorithm off for what says that it is TCP; uvicorn's own socket does not say so.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can listen at {address[0]}:{address[1]}: {error.strerror}."
        ) from None
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}"
