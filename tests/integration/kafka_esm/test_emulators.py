"""Endpoints that others have made, with the poller outside of them: moto's server, and Lambda's own RIE.

LocalStack, MiniStack and SAM CLI have lanes of their own: docs/kafka_esm.md.
"""

import io
import json
import os
import shutil
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from tests.integration.kafka_esm.conftest import Broker, StartPoller, eventually, free_port
from tests.throwaway import install, python_with

_MOTO = "moto[server]==5.2.5"
_RUNTIME = "awslambdaric==4.2.2"
_RIE = "github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie"
_RIE_VERSION = "v0.0.0-20261030222936-bef5c4ba774d"


@contextmanager
def served(command: list[str], port: int, folder: Path) -> Iterator[Any]:
    """Yield an endpoint, once it listens."""
    with (
        (folder / "endpoint.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            listens = Broker(port)._listens
            eventually("it listens", lambda: process.poll() is None and listens())
            yield SimpleNamespace(url=f"http://127.0.0.1:{port}")
        finally:
            process.kill()


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Moto's server, with functions that succeed without being run: it would want Docker."""
    folder, port = tmp_path_factory.mktemp("moto"), free_port()
    python = python_with(folder / "venv", _MOTO)
    with served([str(python), "-m", "moto.server", "--port", str(port)], port, folder) as endpoint:
        simple = json.dumps({"lambda": {"use_docker": False}}).encode()
        request = urllib.request.Request(f"{endpoint.url}/moto-api/config", simple, method="POST")
        urllib.request.urlopen(request).close()
        yield endpoint


def client(service: str, endpoint: Any) -> Any:
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    make: Any = boto3.client
    return make(service, endpoint_url=endpoint.url, region_name="us-east-1", **credentials)


def test_given_a_mapping_that_moto_keeps_when_polled_then_its_function_has_the_records_until_it_is_disabled(
    broker: Broker, moto: Any, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    functions = client("lambda", moto)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    role = client("iam", moto).create_role(RoleName=function, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions.create_function(
        FunctionName=function,
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
    )
    queue = client("sqs", moto).create_queue(QueueName=function)["QueueUrl"]
    arn = client("sqs", moto).get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    mapping = functions.create_event_source_mapping(
        FunctionName=function,
        # Moto refuses a mapping without the ARN of something that it has.
        EventSourceArn=arn["QueueArn"],
        SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker.address]}},
        SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": function},
        Topics=[topic],
        StartingPosition="TRIM_HORIZON",
    )
    broker.produce(topic, "a", "b")
    poller = start_poller(broker, moto, {}, from_api=True)
    eventually("all is committed", lambda: broker.committed(function, topic) == 2)
    assert [line["outcome"] for line in poller.lines() if line["message"] == "batch"] == ["success"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    eventually("it is not polled any more", lambda: not poller.health()[1]["mappings"])


@pytest.fixture
def rie(tmp_path: Path) -> Iterator[Any]:
    """AWS's runtime interface emulator around AWS's runtime for Python, as its images have them."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("RIE is built by Go, which is not here")
    install(
        "RIE",
        go,
        "install",
        f"{_RIE}@{_RIE_VERSION}",
        environment=os.environ | {"GOBIN": str(tmp_path), "GOFLAGS": "-mod=mod"},
    )
    python = python_with(tmp_path / "venv", _RUNTIME)
    (tmp_path / "app.py").write_text(
        "import json, os, pathlib\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(__file__).parent\n"
        "    with (here / 'events').open('a') as events:\n"
        "        print(json.dumps(event), file=events)\n"
        "    if not (here / 'mended').exists():\n"
        "        raise ValueError('boom')\n"
    )
    port = free_port()
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
    command = ["env", f"PYTHONPATH={tmp_path}", str(tmp_path / "aws-lambda-rie"), *addresses]
    with served([*command, str(python), "-m", "awslambdaric", "app.handler"], port, tmp_path) as endpoint:
        endpoint.folder = tmp_path
        yield endpoint


def test_given_a_function_in_rie_that_fails_when_mended_then_its_records_come_again_and_are_committed(
    broker: Broker, rie: Any, start_poller: StartPoller
) -> None:
    topic = broker.create_topic(1)
    broker.produce(topic, "a")
    events = rie.folder / "events"

    def came() -> list[Any]:
        return [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []

    start_poller(broker, rie, {"function": topic})  # RIE has one function, of this name
    eventually("it fails twice", lambda: len(came()) >= 2)
    assert broker.committed("function", topic) is None
    (rie.folder / "mended").touch()
    eventually("it is committed", lambda: broker.committed("function", topic) == 1)
    first, *others = came()
    assert first["records"][f"{topic}-0"][0]["value"] == "YQ=="
    assert all(other == first for other in others)
