"""python -m emf_exporter, as it is called."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest
from emf_exporter.__main__ import parser
from mesh.process import free_port, wait_until

Run = Callable[..., "subprocess.Popen[str]"]
FUNCTIONS = ["--functions", "event-mesh-"]


def test_given_rules_when_parsed_then_they_are_known() -> None:
    words = "--gauge OutboxSize --label tenant=Requests,Throttled --label status=Requests --most tenant=20"
    options = parser().parse_args([*FUNCTIONS, *words.split()])
    assert dict(options.label) == {"tenant": {"Requests", "Throttled"}, "status": {"Requests"}}
    assert (options.gauge, dict(options.most)) == (["OutboxSize"], {"tenant": 20})


@pytest.mark.parametrize(
    "wrong", ["--label tenant", "--label =Requests", "--most tenant", "--most tenant=0", "--most tenant=x"]
)
def test_given_a_wrong_rule_when_parsed_then_it_is_said_how_it_is_given(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([*FUNCTIONS, *wrong.split()])
    assert "such as tenant=" in capsys.readouterr().err


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts it for a CloudWatch that is away."""
    started: list[subprocess.Popen[str]] = []

    def run(port: int, **region: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "emf_exporter", *FUNCTIONS, "--port", str(port)]
        credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}
        started.append(
            subprocess.Popen(
                [*command, "--endpoint-url", "http://127.0.0.1:1"],
                env={**os.environ, **credentials, **region},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_given_no_cloudwatch_when_scraped_then_it_says_so_and_ends_when_it_is_told(
    run: Run,
) -> None:
    port = free_port()
    running = run(port, AWS_DEFAULT_REGION="us-east-1")

    def text() -> str:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        except httpx.ConnectError:
            return ""

    assert wait_until(lambda: "emf_exporter_up 0.0" in text(), 60)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "CloudWatch: Could not connect" in said
    assert "Traceback" not in said


def test_given_a_port_that_is_taken_when_started_then_it_is_said(
    run: Run,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, said = run(port, AWS_DEFAULT_REGION="us-east-1").communicate(timeout=60)
    assert f"--host 127.0.0.1 --port {port}: Address already in use" in said
    assert "Traceback" not in said


def test_given_no_region_when_started_then_it_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    _, said = run(free_port(), AWS_CONFIG_FILE=os.devnull).communicate(timeout=60)
    assert said == "You must specify a region.\n"
