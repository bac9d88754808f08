"""The image of infra/kafka_esm/Dockerfile delivers records, not as root, on a root that is read-only."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from mesh import paths

from infra.sam.engine import bridge_address
from infra.sam.engine import docker as run_docker
from tests.integration.kafka_esm.conftest import Broker, Endpoint, eventually, function, mapped

__all__ = ["function"]

IMAGE = "kafka-esm:test"

Docker = Callable[..., str]


@pytest.fixture(scope="module")
def run(python_docker: dict[str, str]) -> Docker:
    """Docker's client, with the image built."""
    docker = partial(run_docker, python_docker)
    docker("build", "--tag", IMAGE, str(paths.INFRA / "kafka_esm"))
    return docker


@pytest.fixture
def broker(python_docker: dict[str, str]) -> Iterator[Broker]:
    made = Broker(host=bridge_address(python_docker))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def endpoint(python_docker: dict[str, str]) -> Iterator[Endpoint]:
    made = Endpoint(bridge_address(python_docker))
    made.start()
    yield made
    made.stop()


@contextmanager
def polling(run: Docker, template: Path, *options: str) -> Iterator[str]:
    """Yield the name of a container that polls what the template maps."""
    container = run(
        *("run", "--detach", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
        *("--env", "AWS_ACCESS_KEY_ID=test", "--env", "AWS_SECRET_ACCESS_KEY=test"),
        *(
            "--publish",
            "127.0.0.1::9400",
            "--volume",
            f"{template}:/template.json:ro",
            "--health-interval",
            "1s",
        ),
        *(IMAGE, "run", "--template", "/template.json", *options),
    )
    try:
        yield container
    finally:
        run("rm", "--force", container)


def test_a_record_is_delivered_until_the_container_is_stopped(
    run: Docker, broker: Broker, endpoint: Endpoint, function: str, tmp_path: Path
) -> None:
    topic, template = broker.create_topic(), tmp_path / "template.json"
    template.write_text(mapped({function: topic}))
    template.chmod(0o644)
    options = ("--endpoint-url", endpoint.url, "--parameter", f"Servers={broker.address}")
    with polling(run, template, *options) as container:
        broker.produce(topic, "hello")
        (invocation, *_) = endpoint.wait_for("with the record", lambda found: found)
        (record,) = (each for rows in invocation.event["records"].values() for each in rows)
        assert (record["topic"], record["value"]) == (topic, "aGVsbG8=")

        state = ("inspect", "--format", "{{json .State}}", container)
        eventually("it is healthy", lambda: json.loads(run(*state))["Health"]["Status"] == "healthy")
        health = httpx.get(f"http://{run('port', container, '9400')}/healthz")
        assert (health.status_code, health.json()["state"]) == (200, "polling")
        assert run("exec", container, "id", "-u") == "65532"

        run("stop", container)
        ended = json.loads(run(*state))
        assert (ended["Status"], ended["ExitCode"]) == ("exited", 0)


def test_a_wrong_option_is_told(run: Docker) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run("run", "--rm", IMAGE, "run", "--template", "/nowhere.json", "--endpoint-url", "http://x")
    assert refused.value.returncode == 2
    assert refused.value.stderr.decode().strip().count("\n") == 0
    assert "/nowhere.json" in refused.value.stderr.decode()


def test_it_has_what_its_wheel_requires_and_nothing_that_builds(run: Docker) -> None:
    listing = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    names = run("run", "--rm", "--entrypoint", "python", IMAGE, "-c", listing).split()
    assert "kafka-esm" in names
    assert not {"pip", "hatchling"} & set(names)  # setuptools is required, by grpcio-tools
