"""The LocalStack plugin by itself: a LocalStack that has only its wheel runs a function."""

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from mesh.clients import aws
from mesh.deployment import build, localstack
from mesh.errors import MeshError
from uv import find_uv_bin

from tests.distributions import wheels
from tests.localstack.conftest import Client, deploy, localstack_running, mesh_home

__all__ = ["deploy", "mesh_home"]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has LocalStack of the locked versions and the plugin's wheel."""
    try:
        interpreter = localstack.find_python()
    except MeshError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("localstack")
    locked = folder / "locked.txt"
    ours = ("function_host", "kafka_esm")
    left_out = [part for each in ours for part in ("--no-emit-package", each.replace("_", "-"))]
    export = ("export", "--frozen", "--no-hashes", "--no-emit-project", *left_out)
    with locked.open("w") as file:
        subprocess.run(
            [find_uv_bin(), *export, "--project", str(localstack.PROJECT)],
            env=build.base_environment(),
            stdout=file,
            check=True,
        )
    made = [wheels.built(name, folder / name, interpreter) for name in (*ours, "localstack")]
    programs = wheels.installed(
        folder / "venv", *made, python=interpreter, options=("--constraint", str(locked))
    )
    return str(programs / "python")


@pytest.fixture(scope="session")
def client(mesh_home: None, python: str) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(localstack, "command", lambda: [python, "-m", "localstack.runtime.main"])
        with localstack_running("wheel", "own") as url:
            yield partial(aws.client, endpoint_url=url)


def test_a_function_runs_as_a_process(client: Client, deploy: Callable[..., str]) -> None:
    name = deploy("import os\n\ndef handler(event, context):\n    return {**event, 'pid': os.getpid()}\n")
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps({"hello": "world"}))
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()).items() >= {"hello": "world"}.items()
