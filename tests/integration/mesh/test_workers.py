"""What bounds the workers of a function, on the emulator that MESH_EMULATOR names: number and memory."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psutil
import pytest
from lambda_workers import places
from mesh import components, process
from mesh.clients import aws
from mesh.deployment import build
from mesh.errors import MeshError

from tests.components import lying_in, running, zipped

EMULATOR = os.environ.get("MESH_EMULATOR", "ministack")
HANDLER = """
import os, time

def handler(event, context):
    taken = bytearray(event.get("mb", 0) << 20)
    time.sleep(event.get("seconds", 0))
    if "exit" in event:
        os._exit(event["exit"])
    return {"pid": os.getpid()}
"""
SHARED = """
import os, shared, time

def handler(event, context):
    time.sleep(event["seconds"])
    return {"pid": os.getpid(), "file": os.path.realpath(shared.__file__), "number": shared.NUMBER}
"""
LINUX_SAYS = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process takes")
Invoke = Callable[..., Any]
Deploy = Callable[..., Invoke]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lying_in(tmp_path_factory.mktemp("mesh")):
        try:
            components.install_emulator(EMULATOR)
        except MeshError as error:
            pytest.skip(str(error))
        with running(components.start_aws(process.free_port(), EMULATOR)) as address:
            yield address


@pytest.fixture
def deploy(emulator: str) -> Deploy:
    """Makes a function of so much memory, and returns how it is invoked: with the fields of its event."""
    client = aws.client("lambda", emulator)

    def deploy(memory_mb: int, code: str = HANDLER, **properties: Any) -> Invoke:
        name = f"function-{uuid4().hex[:8]}"
        client.create_function(
            FunctionName=name,
            Runtime=build.RUNTIME,
            Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/any",
            Code={"ZipFile": zipped(app=code)},
            MemorySize=memory_mb,
            Timeout=60,
            **properties,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name)

        def invoke(**event: Any) -> Any:
            answer = aws.invoke(emulator, name, json.dumps(event))
            body = json.loads(answer["Payload"].read())
            assert ("FunctionError" in answer) == ("errorType" in body)
            return body

        return invoke

    return deploy


def test_workers_share_their_layers(emulator: str, deploy: Deploy) -> None:
    """Thousands of files are unpacked once, not for every worker; of two layers the later one wins."""
    client = aws.client("lambda", emulator)
    layers = [
        client.publish_layer_version(
            LayerName=f"layer-{uuid4().hex[:8]}",
            Content={"ZipFile": zipped(python__shared=f"NUMBER = {number}")},
        )["LayerVersionArn"]
        for number in (1, 2)
    ]
    invoke = deploy(128, SHARED, Layers=layers)

    with ThreadPoolExecutor(2) as clients:
        first, second = clients.map(lambda _: invoke(seconds=1), range(2))

    assert first["pid"] != second["pid"]
    assert (first["file"], first["number"]) == (second["file"], 2)


def test_what_finds_no_worker_waits_for_one(deploy: Deploy) -> None:
    memory_mb = 10_240
    invoke, most = deploy(memory_mb), places.at_once(memory_mb)
    number = 4 * most + 4

    with ThreadPoolExecutor(number) as clients:
        answers = list(clients.map(lambda _: invoke(seconds=0.2), range(number)))

    assert all("pid" in answer for answer in answers), answers
    assert len({answer["pid"] for answer in answers}) <= most


@LINUX_SAYS
def test_a_worker_that_takes_more_memory_than_its_function_has_is_killed(deploy: Deploy) -> None:
    invoke = deploy(128)
    before = invoke()["pid"]

    for seconds in (0, 60):  # it has answered before anybody looked; it would go on for a long time
        error = invoke(mb=256, seconds=seconds)
        assert error["errorType"] == "Runtime.ExitError"
        assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")

    assert not psutil.pid_exists(before)
    assert invoke()["pid"] != before


def test_a_worker_that_keeps_to_its_memory_goes_on(deploy: Deploy) -> None:
    invoke = deploy(128)

    assert len({invoke(mb=40)["pid"] for _ in range(3)}) == 1


def test_a_worker_that_ends_is_the_functions_error_at_once(deploy: Deploy) -> None:
    invoke = deploy(128)

    error = invoke(exit=3)

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    assert "pid" in invoke()
