"""What waits, and what works: asked of the poller and of the mesh's metrics, only while a page is open."""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import httpx

from mesh.state import State

_TIMEOUT = 5
_FRESH_SECONDS = 10  # while a page is open, metrics are asked for more often
_NO_ANSWER = (httpx.HTTPError, ValueError, KeyError, TypeError)
_TENANTS = {  # what is counted for each tenant, by the metric's name
    "event_mesh_requests_total": "requests",
    "event_mesh_searches_total": "searches",
    "event_mesh_throttled_total": "throttled",
    "event_mesh_users_created_total": "created",
}

Sample = tuple[str, dict[str, str], float]


class Gauges:
    """The last answers of poller and metrics; None for what does not answer."""

    def __init__(
        self,
        state: Callable[[], State],
        http: httpx.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._http = http
        self._clock = clock
        self._poller: dict[str, Any] | None = None
        self._samples: list[Sample] | None = None
        self._sampled = -math.inf

    async def ask_poller(self) -> None:
        """Ask what waits in Kafka: cheap, so every second."""
        self._poller = None
        with suppress(*_NO_ANSWER):
            self._poller = poller((await self._get(f"{self._state().poller_url}/healthz")).json())

    async def ask_metrics(self) -> None:
        """Ask for everything that is counted: it reads the functions' logs, so every few seconds."""
        self._samples, self._sampled = None, self._clock()
        found = self._state().component("metrics")
        with suppress(*_NO_ANSWER):
            if found is not None:
                self._samples = samples((await self._get(f"{found.address}/metrics")).text)

    def shown(self) -> dict[str, Any]:
        """Return what waits where, and which components work."""
        known = self._samples or []
        return {
            "outbox": _first(known, "event_mesh_outbox_size"),
            "poller": self._poller,
            "points": _sum(known, "mesh_qdrant_points"),
            "deadLetters": _sum(known, "event_mesh_dead_letters_total"),
            "relayed": _sum(known, "event_mesh_events_relayed_total"),
            "components": {
                labels["component"]: bool(value)
                for name, labels, value in known
                if name == "mesh_component_up"
            },
        }

    async def tenants(self) -> dict[str, dict[str, float]]:
        """Return what is counted of each tenant: twenty by name, the others as `_other`."""
        if self._clock() - self._sampled > _FRESH_SECONDS:  # no page was open until now
            await self.ask_metrics()
        found: dict[str, dict[str, float]] = {}
        for name, labels, value in self._samples or []:
            if name in _TENANTS and (tenant := labels.get("tenant")):
                counts = found.setdefault(tenant, dict.fromkeys(_TENANTS.values(), 0.0))
                counts[_TENANTS[name]] += value
        return found

    async def _get(self, url: str) -> httpx.Response:
        return (await self._http.get(url, timeout=_TIMEOUT)).raise_for_status()


def poller(health: dict[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a poller's /healthz; KeyError if it is none."""
    mappings = health["mappings"]
    lag = {
        partition: waiting
        for mapping in mappings
        for partition, waiting in mapping["lag"].items()
        if waiting is not None
    }
    errors = [mapping["last_error"] for mapping in mappings if mapping["last_error"]]
    return {"state": health["state"], "lag": lag, "error": errors[0] if errors else None}


def samples(text: str) -> list[Sample]:
    """Return the samples of Prometheus' text format; ValueError if it is none."""
    from prometheus_client.parser import text_string_to_metric_families  # 4 MB, for who looks

    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def _first(known: Iterable[Sample], name: str) -> float | None:
    return next((value for each, _, value in known if each == name), None)


def _sum(known: Iterable[Sample], name: str) -> float | None:
    values = [value for each, _, value in known if each == name]
    return sum(values) if values else None
