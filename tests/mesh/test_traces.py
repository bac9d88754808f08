"""From the trace id that a create answers with, the whole way to searchable is seen, whichever it was."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer
from mesh.kafka import dead_letters
from mesh.kafka.dead_letters import Topic
from mesh.process import wait_until
from psutil import Process
from users.consumer.dead_letters import Poison, dead_letter
from users.consumer.received import Received
from users.events import PoisonRecordError, Reason

from tests.e2e.mesh_command import Mesh

SECONDS = 120
WAY = {
    "POST /users/create",
    "create user.events",
    "send user.events",
    "process user.events",
    "upsert user_embeddings",
}
TENANT = "tenant-traced"
Spans = list[dict[str, Any]]


class Creates:
    """Creates users, and tells their traces."""

    def __init__(self, mesh: Mesh) -> None:
        self._url = mesh.status()["api_url"]
        self._authorization = mesh.authorization(TENANT)
        self._console = mesh.component("console")["address"]

    def create(self, email: str) -> tuple[int, str]:
        """Create a user; return its id, and the trace of the answer."""
        answer = httpx.post(
            f"{self._url}/users/create",
            json={"email": email, "name": "Ada", "profile": "weaves engines"},
            headers={"Authorization": self._authorization},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], answer.headers["traceresponse"].split("-")[1]

    def way(self, trace_id: str) -> Spans:
        """Return the spans of a trace, and of those that link to it."""
        spans: Spans = httpx.get(f"{self._console}/traces/{trace_id}", timeout=10).json().get("spans", [])
        return spans

    def whole_way(self, trace_id: str, is_whole: Callable[[list[str]], bool]) -> Spans:
        """Wait for the whole way, and return it: no span of it is an orphan."""
        names: list[str] = []

        def arrived() -> bool:
            names[:] = [span["name"] for span in self.way(trace_id)]
            return is_whole(names)

        assert wait_until(arrived, SECONDS), names
        spans = self.way(trace_id)
        assert {span["parentSpanId"] for span in spans} <= {None, *(span["spanId"] for span in spans)}
        assert len(spans) >= 6
        return spans


@pytest.fixture(scope="module")
def creates(mesh: Mesh) -> Creates:
    return Creates(mesh)


def test_given_a_create_when_its_trace_is_asked_for_then_it_leads_to_the_index(
    mesh: Mesh, creates: Creates
) -> None:
    _, trace_id = creates.create("ada@lovelace.dev")
    spans = creates.whole_way(trace_id, lambda names: set(names) >= WAY)
    shown = mesh.run("traces", trace_id)
    assert [span["name"] for span in spans if span["name"].split()[0] not in shown] == []


def test_given_kafka_does_not_answer_when_the_relay_has_sent_the_event_then_its_trace_has_that(
    mesh: Mesh, creates: Creates
) -> None:
    kafka = Process(mesh.component("kafka")["pid"])
    kafka.suspend()
    try:
        _, trace_id = creates.create("eve@x.dev")
    finally:
        kafka.resume()
    spans = creates.whole_way(
        trace_id, lambda names: set(names) >= WAY and names.count("send user.events") == 2
    )
    sent = {span["service"]: span["failed"] for span in spans if span["name"] == "send user.events"}
    assert sent == {"create_user": True, "relay_events": False}


def test_given_a_dead_letter_when_replayed_then_its_trace_has_both_ways(mesh: Mesh, creates: Creates) -> None:
    """As after a mistake of ours is mended: the event lies in the dead-letter topic, and is well."""
    user_id, trace_id = creates.create("joan@x.dev")
    creates.whole_way(trace_id, lambda names: set(names) >= WAY)
    found = dead_letters.read(Topic("user.events", mesh.kafka()))
    event = next(each for each in found if each.record.key == f"{TENANT}:{user_id}".encode())
    received = Received("user.events", event.partition, event.offset, event.record)
    letter = dead_letter(Poison(received, PoisonRecordError(Reason.REFUSED, "a mistake")))
    with closing(KafkaProducer(**mesh.kafka())) as producer:
        producer.send("user.events.dlq", letter.value, letter.key, letter.headers).get(30)

    mesh.run("dlq", "replay", "--all", "--tenant", TENANT)

    creates.whole_way(trace_id, lambda names: names.count("process user.events") == 2)
