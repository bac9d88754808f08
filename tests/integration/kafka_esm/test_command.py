"""Bad configuration ends the command with one line and status 2."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        E:
          Type: SelfManagedKafka
          Properties:
            KafkaBootstrapServers: ["127.0.0.1:1"]
            Topics: [t]
            StartingPosition: TRIM_HORIZON
            Enabled: true
"""


def run(template: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kafka_esm", "run", "--template", str(template)]
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    command += ["--log-level", "ERROR", "--endpoint-url", "http://127.0.0.1:1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


@pytest.mark.parametrize(
    ("template", "arguments", "message"),
    [
        (None, [], "cannot be read"),
        (TEMPLATE + "            SnapshotConfig: {}\n", [], "SnapshotConfig is not supported"),
        (TEMPLATE.replace("true", "false"), [], "Enabled: false"),
        (TEMPLATE, ["--stack-name", "s"], "Fn cannot be looked up"),
    ],
)
def test_given_bad_configuration_when_started_then_one_line_says_what_is_wrong(
    tmp_path: Path, template: str | None, arguments: list[str], message: str
) -> None:
    path = tmp_path / "template.yaml"
    if template is not None:
        path.write_text(template)
    ended = run(path, *arguments)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert ended.stderr.startswith("kafka_esm: ")
    assert ended.stderr.count("\n") == 1


def test_given_a_health_port_in_use_when_started_then_one_line_says_so(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = str(sock.getsockname()[1])
        ended = run(path, "--health-port", port)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"--health-port {port}" in ended.stderr
