"""Every panel shows something, of a mesh in which all that can be counted happens.

OBSERVE_PICTURES=docs/images make test-observe draws them there, as docs/observability.md shows them.
"""

import os
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from kafka import KafkaProducer
from mesh.clients.http_api import TenantClient
from mesh.process import wait_until
from mesh_observability.panels import DASHBOARDS

from tests.e2e.mesh_command import Mesh
from tests.observe.conftest import Prometheus
from tests.observe.pictures import draw

SECONDS = 180
_DRAWN_SECONDS = 120
PICTURES = os.environ.get("OBSERVE_PICTURES")
MOST_MEGABYTES = 60
QUERIES = {
    f"{page.uid}: {panel.title}: {query.legend}": query.promql
    for page in DASHBOARDS
    for panel in page.panels
    for query in panel.queries
}


class Everything:
    """Has each thing happen that a panel shows, once a round."""

    def __init__(self, mesh: Mesh, clients: list[TenantClient]) -> None:
        self._mesh = mesh
        self._clients = clients
        self._producer = KafkaProducer(**mesh.kafka())

    def round(self) -> None:
        """Create, change, find and erase users, ask for too much and without a token; and poison."""
        for client in self._clients:
            users = [client.create(f"{uuid4().hex}@x.dev", "Ada", "Bakes bread") for _ in range(3)]
            client.update(users[0]["id"], profile="Paints")
            client.erase(users[1]["id"])
            client.search("bread")
            while client.http.get("/users").status_code != 429:
                pass
        assert httpx.get(f"{self._clients[0].http.base_url}users").status_code == 401
        self._producer.send("user.events", b"not json", b"tenant-a:1").get(30)

    def close(self) -> None:
        self._producer.close()


@pytest.fixture(scope="session")
def shown(mesh: Mesh, prometheus: Prometheus) -> dict[str, bool]:
    """Whether each query has data; only what has none after long says so."""
    started = time.time()
    found: dict[str, bool] = {}
    with ExitStack() as opened:
        clients = [opened.enter_context(mesh.client(f"observed-{number}")) for number in range(2)]
        everything = Everything(mesh, clients)
        opened.callback(everything.close)

        def all_are_shown() -> bool:
            everything.round()
            now = time.time()
            found.update(
                {name: bool(prometheus.lines(query, started, now)) for name, query in QUERIES.items()}
            )
            return all(found.values()) and now > started + (_DRAWN_SECONDS if PICTURES else 0)

        wait_until(all_are_shown, SECONDS, interval=2)
    if PICTURES:
        draw(prometheus, started, time.time(), Path(PICTURES))
    return found


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("name", QUERIES)
def test_a_panel_has_data(shown: dict[str, bool], name: str) -> None:
    assert shown[name], QUERIES[name]


@pytest.mark.parametrize(
    "function", ["CreateUser", "UpdateUser", "DeleteUser", "ListUsers", "Search", "Enrich"]
)
def test_every_invocation_is_counted_whoever_asked_for_it(
    shown: dict[str, bool], prometheus: Prometheus, function: str
) -> None:
    query = f'sum(aws_lambda_invocations_total{{function_name=~".+-{function}Function-.+"}})'
    (invocations,) = prometheus.now(query)
    assert invocations > 1


def test_tenants_are_told_apart(shown: dict[str, bool], prometheus: Prometheus) -> None:
    for number in range(2):
        (created,) = prometheus.now(f'sum(event_mesh_users_created_total{{tenant="observed-{number}"}})')
        assert created >= 3


def test_nothing_is_half_a_document(shown: dict[str, bool], prometheus: Prometheus) -> None:
    assert prometheus.now('emf_exporter_documents_total{outcome="malformed"}') == [0]


def test_what_tells_of_the_mesh_takes_little_of_it(shown: dict[str, bool], prometheus: Prometheus) -> None:
    (taken,) = prometheus.now('mesh_component_memory_bytes{component="metrics"}')
    assert taken < MOST_MEGABYTES * 1_000_000
