"""The host as the process that users run, with real workers and a function that does what it is told."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from botocore.config import Config
from mesh.deployment import build
from mesh.process import free_port, wait_until

WAIT_SECONDS = 60
HANDLER = """
import base64, json, os, sys, time

def handler(event, context):
    if "httpMethod" not in event:
        return globals()[event.get("do", "echo")](event, context)
    told = json.loads(event["body"]) if (event["body"] or "").startswith("{") else {}
    return globals()[told["do"]](told, context) if told else {"statusCode": 200, "body": json.dumps(event)}

def echo(event, context):
    return event

def respond(event, context):
    return event["response"]

def describe(event, context):
    client = context.client_context and context.client_context.custom
    return {"pid": os.getpid(), "environment": dict(os.environ), "client": client, "folder": os.getcwd()}

def wait(event, context):
    "Say that it is here, and stay until the gate is open."
    open(os.path.join(event["folder"], event["name"] + "-" + str(os.getpid())), "x").close()
    while not os.path.exists(event["gate"]):
        time.sleep(0.01)
    return {"statusCode": 200, "body": "let go"}

def alone(event, context):
    "Fail if the process has an invocation already."
    mark = os.path.join(event["folder"], str(os.getpid()))
    os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    time.sleep(0.01)
    os.unlink(mark)
    return os.getpid()

def sleep(event, context):
    time.sleep(600)

def leave(event, context):
    os._exit(3)

def fail(event, context):
    raise ValueError("no such thing")

def large(event, context):
    return "x" * event["bytes"]

def take(event, context):
    return len(bytearray(event["mb"] << 20))

def write(event, context):
    print(event["text"], flush=True)
    return {"statusCode": 200, "body": ""}
"""


@dataclass
class Running:
    """A host that runs."""

    process: "subprocess.Popen[bytes]"
    port: int
    internal_port: int
    folder: Path

    @property
    def url(self) -> str:
        """The REST API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def internal_url(self) -> str:
        """Invoke API, health, metrics; kafka-esm's Endpoint has it by another name."""
        return f"http://127.0.0.1:{self.internal_port}"

    @property
    def errors(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def output(self) -> str:
        return (self.folder / "stdout").read_text()

    @cached_property
    def functions(self) -> Any:
        """Lambda's client."""
        return boto3.client(
            "lambda",
            endpoint_url=self.internal_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=WAIT_SECONDS),
        )

    def invoke(self, function: str = "f", **event: Any) -> Any:
        """Invoke the function and return its answer, which must be no error."""
        answer = self.functions.invoke(FunctionName=function, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def metrics(self) -> str:
        return httpx.get(f"{self.internal_url}/metrics").raise_for_status().text

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.internal_url}/readyz").is_success
        except httpx.TransportError:
            return False

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def terminate(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)


@dataclass
class Hosts:
    """Starts hosts, and stops them in the end."""

    python: str
    folder: Path
    running: list[Running] = field(default_factory=list)

    def __call__(
        self, *options: str, ready: bool = True, code: str = HANDLER, gateway: Any = None, **function: Any
    ) -> Running:
        """Start a host of one function, f, and wait until it is ready."""
        folder = self.folder / f"host-{len(self.running)}"
        (folder / "code").mkdir(parents=True)
        (folder / "code" / "app.py").write_text(code)
        config = {
            "functions": {
                "f": {
                    "handler": "app.handler",
                    "code": "code",
                    "layers": [],
                    "timeout_seconds": 60,
                    "min_workers": 1,
                    "max_workers": 2,
                    **function,
                }
            },
            "routes": [{"method": "ANY", "path": "/{proxy+}", "function": "f"}],
            "gateway": gateway or {},
            "metrics": {"labels": {"tenant": ["Requests"]}},
        }
        (folder / "host.json").write_text(json.dumps(config))
        ports = free_port(), free_port()
        command = [sys.executable, "-m", "function_host", "run", "--config", str(folder / "host.json")]
        command += ["--python", self.python, "--port", str(ports[0]), "--internal-port", str(ports[1])]
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [*command, *options],
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, "A_VARIABLE": "of the host", "FUNCTION_HOST_OTHER": "not for functions"},
            )
        self.running.append(Running(process, *ports, folder))
        if ready:
            assert wait_until(self.running[-1].ready, WAIT_SECONDS), self.running[-1].errors
        return self.running[-1]


@pytest.fixture(scope="session")
def python() -> str:
    return str(build.ensure_environment("lambda") / "python")


def _stop(running: Running) -> None:
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


@pytest.fixture
def host(python: str, tmp_path: Path) -> Iterator[Hosts]:
    hosts = Hosts(python, tmp_path)
    yield hosts
    for each in hosts.running:
        _stop(each)


@pytest.fixture(scope="session")
def shared(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A host for what leaves it as it was."""
    hosts = Hosts(python, tmp_path_factory.mktemp("shared"))
    yield hosts()
    _stop(hosts.running[0])


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """What `wait` waits for, until a test makes it."""
    return tmp_path / "gate"
