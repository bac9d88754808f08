"""LocalStack with our plugin, as `mesh up --emulator localstack` starts it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from mesh import components, paths, process
from mesh.clients import aws
from mesh.deployment import build, localstack
from mesh.errors import MeshError
from mesh.state import Component

from tests.components import mesh_home, running, zipped

__all__ = ["mesh_home"]

Client = Callable[[str], Any]


@contextmanager
def localstack_running(name: str, kafka_poller: str) -> Iterator[str]:
    """Yield the URL of a LocalStack; `kafka_poller` is external, or its own."""
    try:
        localstack.install()
    except MeshError as error:
        pytest.skip(str(error))
    port = process.free_port()
    environment = {
        **build.base_environment(),
        **localstack.environment(components.HOST, port, paths.TEMPORARY / name),
        "LAMBDA_KAFKA_POLLER": kafka_poller,
    }
    log = paths.LOGS / f"{name}.log"
    started = process.start(localstack.command(), environment, log)
    with running(Component("aws", f"http://{components.HOST}:{port}", started.pid, str(log))) as url:
        yield url


@pytest.fixture(scope="session")
def client(mesh_home: None) -> Iterator[Client]:
    """Makes clients of the services of one that polls Kafka itself."""
    with localstack_running("localstack", "own") as url:
        yield partial(aws.client, endpoint_url=url)


@pytest.fixture(scope="session")
def kafka(mesh_home: None) -> Iterator[str]:
    """The bootstrap servers of a broker."""
    with running(components.start_kafka(process.free_port())) as servers:
        yield servers


@pytest.fixture(scope="session")
def qdrant(mesh_home: None) -> Iterator[str]:
    """The URL of a Qdrant."""
    with running(components.start_qdrant(process.free_port())) as url:
        yield url


@pytest.fixture
def deploy(client: Client) -> Callable[..., str]:
    """Deploys a function and returns its name."""
    role = client("iam").create_role(RoleName=f"role-{uuid4().hex[:8]}", AssumeRolePolicyDocument="{}")

    def deploy(code: str, runtime: str = build.RUNTIME, **properties: Any) -> str:
        functions, name = client("lambda"), f"function-{uuid4().hex[:8]}"
        functions.create_function(
            FunctionName=name,
            Runtime=runtime,
            Role=role["Role"]["Arn"],
            Handler="app.handler",
            Code={"ZipFile": zipped(app=code)},
            **{"Timeout": 30, **properties},
        )
        if runtime == build.RUNTIME:
            functions.get_waiter("function_active_v2").wait(
                FunctionName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 200}
            )
        return name

    return deploy
