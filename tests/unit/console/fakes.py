"""What the console asks, as fakes: what runs errands, the mesh's API, its metrics and its poller."""

from typing import Any

import httpx
from mesh.state import Component, State
from starlette.applications import Starlette
from starlette.testclient import TestClient

METRICS = """
# TYPE event_mesh_requests counter
event_mesh_requests_total{status="201",tenant="acme"} 3
event_mesh_requests_total{status="429",tenant="acme"} 1
event_mesh_requests_total{status="401",tenant=""} 9
event_mesh_requests_total{status="200",tenant="_other"} 5
# TYPE event_mesh_throttled counter
event_mesh_throttled_total{tenant="acme"} 1
# TYPE event_mesh_outbox_size gauge
event_mesh_outbox_size 4
# TYPE mesh_qdrant_points gauge
mesh_qdrant_points{collection="user_embeddings"} 7
mesh_qdrant_points{collection="next"} 2
# TYPE mesh_component_up gauge
mesh_component_up{component="kafka"} 0
"""
HEALTH = {"state": "polling", "mappings": [{"lag": {"0": 2, "1": None, "2": 1}, "last_error": "no route"}]}


class FakeErrands:
    """Answers errands with what is prepared, and keeps what they were asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def run(self, errand: str, **arguments: Any) -> Any:
        self.asked.append((errand, arguments))
        answer = self.answers[errand]
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeMesh:
    """The API, the metrics and the poller of a mesh, by address."""

    def __init__(self, auth_mode: str = "dev") -> None:
        self.requests: list[httpx.Request] = []
        self.answer = httpx.Response(200, json={"users": []})
        self.metrics = METRICS
        metrics = Component("metrics", "http://metrics")
        self.state = State(
            api_url="http://api/v1", poller_url="http://poller", auth_mode=auth_mode, components=[metrics]
        )

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "metrics":
            return httpx.Response(200, text=self.metrics)
        if request.url.host == "poller":
            return httpx.Response(200, json=HEALTH)
        self.requests.append(request)
        return self.answer


def page(*parts: Any) -> TestClient:
    return TestClient(Starlette(routes=[route for part in parts for route in part.routes]))
