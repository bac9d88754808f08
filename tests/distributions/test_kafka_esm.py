"""kafka-esm by itself delivers a record from a broker to an endpoint."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.distributions import wheels
from tests.integration.kafka_esm.conftest import Broker, Endpoint, broker, endpoint, function, start_poller

__all__ = ["broker", "endpoint", "function", "start_poller"]


@pytest.fixture(scope="session")
def kafka_esm(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    wheel = wheels.built("kafka_esm", tmp_path_factory.mktemp("wheel"))
    programs = wheels.installed(tmp_path_factory.mktemp("environment") / "venv", wheel)
    return [str(programs / "kafka-esm")]


def test_a_record_is_delivered(
    broker: Broker, endpoint: Endpoint, function: str, start_poller: Callable[..., Any]
) -> None:
    topic = broker.create_topic()
    start_poller(broker, endpoint, {function: topic})
    broker.produce(topic, "hello")
    (invocation, *_) = endpoint.wait_for("with the record", lambda found: found)
    (record,) = (each for rows in invocation.event["records"].values() for each in rows)
    assert (record["topic"], record["value"]) == (topic, "aGVsbG8=")


def test_a_wrong_template_is_one_line(kafka_esm: list[str]) -> None:
    ended = subprocess.run(
        [*kafka_esm, "check", "--template", "nowhere.yaml"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "nowhere.yaml" in ended.stderr
