"""What components, Qdrant and the poller are doing; one that does not answer takes nothing else away."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from mesh import paths, process
from mesh.observing.collectors import ComponentCollector, PollerCollector, QdrantCollector
from mesh.state import Component
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

AWAY = "http://127.0.0.1:1"  # nobody listens


def values(collector: Collector, name: str) -> dict[str, float]:
    """Return the values of one metric, by their label."""
    return {
        "".join(sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
        if sample.name == name
    }


@contextmanager
def answering(answers: dict[str, str]) -> Iterator[str]:
    """Serve these answers by path, and 404 for any other; the value is the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(answers.get(self.path, "").encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> int:
    """The pid of this process, as one of a mesh."""
    monkeypatch.setattr(process, "_is_ours", lambda _: True)
    return os.getpid()


def test_given_components_when_asked_then_those_that_take_connections_are_up(ours: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = f"127.0.0.1:{listening.getsockname()[1]}"
        components = [
            Component("kafka", here, ours),
            Component("qdrant", f"http://{here}"),
            Component("aws", AWAY, ours),
            Component("embeddings", f"127.0.0.1:1,{here}"),
            Component("schedule", "every 5 s", ours),
            Component("poller", f"http://{here}", pid=2**22 + 1),  # no process has it
        ]
        up = values(ComponentCollector(lambda: components), "mesh_component_up")
    assert up == {"kafka": 1, "qdrant": 1, "aws": 0, "embeddings": 1, "schedule": 1, "poller": 0}


def test_given_a_component_of_ours_when_asked_then_what_it_takes_is_there(ours: int) -> None:
    components = [Component("schedule", "every 5 s", ours), Component("kafka", "127.0.0.1:1")]
    collector = ComponentCollector(lambda: components)
    memory = values(collector, "mesh_component_memory_bytes")
    assert memory.keys() == values(collector, "mesh_component_cpu_seconds_total").keys() == {"schedule"}
    assert memory["schedule"] > 1_000_000


def test_given_no_mesh_when_asked_then_there_is_nothing() -> None:
    assert values(ComponentCollector(list), "mesh_component_up") == {}


def qdrant(points: Any) -> dict[str, str]:
    return {
        "/collections": json.dumps({"result": {"collections": [{"name": "user_embeddings"}]}}),
        "/collections/user_embeddings": json.dumps({"result": {"points_count": points}}),
    }


def test_given_qdrant_when_asked_then_its_points_are_there() -> None:
    with answering(qdrant(7)) as url:
        assert values(QdrantCollector(lambda: url), "mesh_qdrant_points") == {"user_embeddings": 7}


@pytest.mark.parametrize("answers", [{}, {"/collections": "<html>"}, {"/collections": "{}"}])
def test_given_what_is_no_qdrant_when_asked_then_there_is_nothing(answers: dict[str, str]) -> None:
    with answering(answers) as url:
        assert values(QdrantCollector(lambda: url), "mesh_qdrant_points") == {}


def test_given_the_poller_when_asked_then_its_metrics_are_there_as_they_are() -> None:
    polled, asked = CollectorRegistry(), CollectorRegistry()
    Counter("kafka_esm_retries", "Batches", ["topic"], registry=polled).labels("user.events").inc(3)
    Histogram("kafka_esm_batch_records", "Records", registry=polled).observe(7)
    with answering({"/metrics": generate_latest(polled).decode()}) as url:
        collector = PollerCollector(lambda: url)
        asked.register(collector)
        assert values(collector, "kafka_esm_retries_total") == {"user.events": 3}
        assert values(collector, "kafka_esm_batch_records_sum") == {"": 7}
        text = openmetrics.generate_latest(asked).decode()
    assert [family.name for family in text_string_to_metric_families(text)] == [
        "kafka_esm_retries",
        "kafka_esm_batch_records",
    ]


@pytest.mark.parametrize("url", [None, AWAY])
@pytest.mark.parametrize("collector", [QdrantCollector, PollerCollector])
def test_given_nobody_there_when_asked_then_there_is_nothing(
    collector: Callable[[Callable[[], str | None]], Collector], url: str | None
) -> None:
    assert [sample for family in collector(lambda: url).collect() for sample in family.samples] == []


def test_the_state_is_where_components_are_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mesh.state import State, load_components

    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(paths, "STATE", tmp_path / "state.json")
    assert load_components() == []
    kafka = Component("kafka", "127.0.0.1:1", 5, "kafka.log")
    State(components=[kafka]).save()
    assert load_components() == [kafka]
