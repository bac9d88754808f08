"""function-host by itself runs a function from a template, over HTTP and by the Invoke API."""

import json
import subprocess
from pathlib import Path

import boto3
import httpx
import pytest
from mesh import process

from tests.distributions import wheels

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: hello
      Handler: app.handler
      Timeout: 30
      Environment: {Variables: {GREETING: hello}}
      Events: {Any: {Type: Api, Properties: {Path: "/{name}", Method: GET}}}
"""
CODE = """
import os

def handler(event, context):
    return {"statusCode": 200, "body": f"{os.environ['GREETING']} {event['pathParameters']['name']}"}
"""


def test_a_function_answers_in_both_ways(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("wheels")
    made = [wheels.built(name, folder / name) for name in ("kafka_esm", "function_host")]
    programs = wheels.installed(
        tmp_path / "venv", made[0], options=(f"{made[1]}[server,template]", "awslambdaric")
    )
    (tmp_path / "hello").mkdir()
    (tmp_path / "hello" / "app.py").write_text(CODE)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    port, internal_port = process.free_port(), process.free_port()
    command = [str(programs / "function-host"), "run", "--template", str(tmp_path / "template.yaml")]
    command += ["--port", str(port), "--internal-port", str(internal_port), "--min-workers", "1"]

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{internal_port}/readyz").is_success
        except httpx.TransportError:
            return False

    host = subprocess.Popen(command)
    try:
        assert process.wait_until(ready, 60)
        assert httpx.get(f"http://127.0.0.1:{port}/Ada").text == "hello Ada"
        client = boto3.client(
            "lambda",
            endpoint_url=f"http://127.0.0.1:{internal_port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        answer = client.invoke(FunctionName="Hello", Payload=b'{"pathParameters":{"name":"Bob"}}')
        assert json.loads(answer["Payload"].read())["body"] == "hello Bob"
    finally:
        host.terminate()
        assert host.wait(30) == 0
