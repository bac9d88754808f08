"""The console as an application: its page, what that asks for, and the OTLP endpoint that feeds it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mesh.console.errands import Errands
from mesh.console.gauges import Gauges
from mesh.console.letters import Letters
from mesh.console.playground import Playground
from mesh.console.rates import Rates
from mesh.console.stations import Visit, searchable_after, touched, visits, way
from mesh.console.stream import EventStream, Hub
from mesh.console.tenants import Tenants
from mesh.state import State, load_unchecked
from mesh.traces.endpoint import Endpoint
from mesh.traces.span import Span

_STATIC = Path(__file__).parent / "static"
_TOKEN_PLACE = "{{token}}"  # noqa: S105 - where the page has it
_LOOK_SECONDS = 1.0
_METRICS_EVERY = 5  # looks
_MOST_TOUCHED = 1_000  # traces that one message names


class Console:
    """Everything that the page shows, of the mesh whose state lies in `.mesh/`."""

    def __init__(self, port: int, token: str) -> None:
        self._own = f"http://127.0.0.1:{port}"
        self._token = token
        self.hub = Hub()
        self._rates = Rates()
        self._endpoint = Endpoint(self._came)
        # No connection is kept: one that its server closes at that moment would look like one that is away.
        self._http = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0))
        self._errands = Errands()
        self._gauges = Gauges(load_unchecked, self._http)

    def app(self) -> Starlette:
        """Return the application; security.Guard stands before it."""
        parts = (
            Playground(load_unchecked, self._errands, self._http),
            Letters(self._errands),
            Tenants(self._gauges, self._errands),
        )
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/health", self._health),
                Route("/api/stream", self._stream),
                Route("/api/way/{trace_id}", self._way),
                *(route for part in parts for route in part.routes),
                *self._endpoint.routes,
                Mount("/static", StaticFiles(directory=_STATIC)),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(self._look())
        yield
        looking.cancel()
        await self._errands.close()
        with suppress(asyncio.CancelledError):
            await looking
        await self._http.aclose()

    async def _look(self) -> None:
        """Tell open pages what waits and how much goes through; while there is none, ask nobody."""
        looks = 0
        while True:
            if self.hub.pages:
                asked = [self._gauges.ask_poller()]
                if looks % _METRICS_EVERY == 0:
                    asked.append(self._gauges.ask_metrics())
                await asyncio.gather(*asked)
                self.hub.publish("state", self._state())
                looks += 1
            else:
                looks = 0
            await asyncio.sleep(_LOOK_SECONDS)

    def _came(self, spans: list[Span]) -> None:
        """Count what spans tell of, and tell pages at once."""
        found = [visit for span in spans for visit in visits(span)]
        self._rates.add(found, time.time_ns())
        if found:
            self.hub.publish("visits", [_visit(each) for each in found])

    def _state(self) -> dict[str, Any]:
        """Return what a page has to know of the mesh: it may have been brought up anew meanwhile."""
        state = load_unchecked()
        return {
            "api": state.api_url,
            "authMode": state.auth_mode,
            "tracing": tracing(state, self._own),
            "meters": {"stations": self._rates.shown(time.time_ns()), **self._gauges.shown()},
        }

    async def _page(self, _: Request) -> HTMLResponse:
        page = (_STATIC / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(page.replace(_TOKEN_PLACE, self._token))

    async def _health(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "OK"})

    async def _stream(self, _: Request) -> EventStream:
        return EventStream(self.hub.listen(self._state))

    async def _way(self, request: Request) -> JSONResponse:
        trace_id = request.path_params["trace_id"]
        steps = way(self._endpoint.traces.way(trace_id))
        return JSONResponse(
            {"steps": [step._asdict() for step in steps], "searchableAfter": searchable_after(steps)}
        )


def tracing(state: State, own: str) -> dict[str, Any]:
    """Return whether the functions' traces come here: not if a person has sent them elsewhere, or nowhere."""
    endpoint = state.otlp_endpoint
    return {
        "state": "off" if not endpoint else "here" if endpoint == own else "elsewhere",
        "endpoint": endpoint,
    }


def _visit(visit: Visit) -> dict[str, Any]:
    return {
        "station": visit.station,
        "events": visit.events,
        "failed": visit.failed,
        "what": visit.span.name,
        "at": visit.end // 1_000_000,
        "milliseconds": (visit.end - visit.start) / 1e6,
        "traces": touched(visit.span)[:_MOST_TOUCHED],
    }
