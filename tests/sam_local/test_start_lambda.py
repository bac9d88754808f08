"""`sam local start-lambda` with our poller: Kafka's events reach a function in its container."""

from functools import partial
from uuid import uuid4

import httpx
import pytest
from kafka import KafkaProducer
from mesh.process import wait_until
from users.events import user_created

from tests.e2e.mesh_command import Mesh
from tests.people import somebody
from tests.sam_local.sam_local import SamLocal

pytestmark = pytest.mark.timeout(600)

SECONDS = 120


def produce(mesh: Mesh, tenant: str, profile: str) -> None:
    user = somebody(tenant, 7, email="pat@x.dev", name="Pat", profile=profile)
    record = user_created(user)
    producer = KafkaProducer(**mesh.kafka())
    producer.send("user.events", key=record.key, value=record.value, headers=record.headers)
    producer.close()


def test_an_event_of_kafka_is_enriched_in_a_container(embedded: Mesh, sam: SamLocal, poller: str) -> None:
    with embedded.client(f"tenant-{uuid4().hex[:12]}") as client:
        produce(embedded, client.tenant, "keeps bees")

        assert wait_until(partial(client.finds, "keeps bees"), SECONDS)

    assert '"function_name":"EnrichFunction"' in sam.log("start-lambda").read_text()
    assert wait_until(lambda: httpx.get(f"{poller}/healthz").json()["mappings"][0]["lag"] is not None, 10)


def test_an_exception_which_start_lambda_hides_is_a_failure(poller: str, start_lambda: str) -> None:
    url = f"{start_lambda}/2015-03-31/functions/EnrichFunction/invocations"

    answer = httpx.post(url, content=b"{}", timeout=SECONDS)

    assert (answer.status_code, answer.headers.get("x-amz-function-error")) == (200, None)
    assert answer.json()["errorType"]  # which the poller reads: tests/unit/kafka_esm/test_invoke.py
