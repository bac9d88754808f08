"""An OTLP endpoint of a test's own: the console's, without the console."""

import socket
from threading import Thread
from types import TracebackType
from typing import Self

import uvicorn
from mesh.process import wait_until
from mesh.traces.endpoint import Endpoint
from starlette.applications import Starlette


class OtlpSink(Endpoint):
    """Serves its routes on loopback while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(Starlette(routes=self.routes), log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=([self._socket],))

    @property
    def url(self) -> str:
        """What OtlpEndpoint is to be."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert wait_until(lambda: self._server.started, 30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.should_exit = True
        self._thread.join()
