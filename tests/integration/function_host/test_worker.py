"""An execution environment as a process, with the runtime that Lambda has."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from function_host.runtime.runtime_api import Invocation
from function_host.runtime.worker import Result, Worker
from mesh.deployment import build
from mesh.process import wait_until

HANDLER = """
import json, os, signal, subprocess, sys, threading, time

def handler(event, context):
    return globals()[event["do"]](event, context)

def echo(event, context):
    return event

def describe(event, context):
    return {
        "pid": os.getpid(), "id": context.aws_request_id, "arn": context.invoked_function_arn,
        "ms": context.get_remaining_time_in_millis(), "trace": os.environ["_X_AMZN_TRACE_ID"],
    }

def environment(event, context):
    return dict(os.environ)

def fail(event, context):
    raise ValueError("no such thing")

def write(event, context):
    for number in range(event["lines"]):
        print(f"line {number} of print")
    print("of stderr", file=sys.stderr)
    os.write(1, b"of the descriptor\\n")
    subprocess.run(["echo", "of a child"])

def write_later(event, context):
    def later():
        open(event["go"]).read()
        os.write(1, b"after the answer\\n")
        open(event["done"], "w").close()
    threading.Thread(target=later).start()

def sleep(event, context):
    print("falls asleep")
    time.sleep(600)

def leave(event, context):
    print("leaves")
    os._exit(3)

def die(event, context):
    os.kill(os.getpid(), signal.SIGKILL)

def take(event, context):
    taken = bytearray(event["mb"] << 20)
    return len(taken) >> 20

def have_a_child(event, context):
    return subprocess.Popen(["sleep", "600"]).pid
"""
TIMEOUT = 30
MEMORY_MB = 128
New = Callable[..., Worker]


def invoke(worker: Worker, do: str, timeout: float = TIMEOUT, **event: Any) -> Result:
    payload = json.dumps({"do": do, **event}).encode()
    return worker.invoke(Invocation(str(uuid4()), "arn:of:the:function", "Root=1-2-3", payload), timeout)


def answer(worker: Worker, do: str, **event: Any) -> Any:
    result = invoke(worker, do, **event)
    assert not result.is_error, result
    return json.loads(result.payload)


def lines(logs: str) -> list[str]:
    """What the function wrote itself."""
    return [line for line in logs.splitlines() if line and not line.startswith(("START ", "END ", "REPORT "))]


@pytest.fixture(scope="session")
def python() -> str:
    return str(build.ensure_environment("lambda") / "python")


@pytest.fixture
def new(tmp_path: Path, python: str) -> Iterator[New]:
    workers: list[Worker] = []

    def new(code: str = HANDLER, **environment: str) -> Worker:
        (tmp_path / "app.py").write_text(code)
        command = [python, "-m", "awslambdaric", "app.handler"]
        workers.append(Worker(command, tmp_path, {"PYTHONPATH": str(tmp_path), **environment}, MEMORY_MB))
        return workers[-1]

    yield new
    for worker in workers:
        worker.stop()


def test_one_process_answers_one_invocation_after_the_other(new: New) -> None:
    worker = new()

    answers = [answer(worker, "describe") for _ in range(3)]

    assert len({each["pid"] for each in answers}) == 1
    assert len({each["id"] for each in answers}) == 3
    assert {each["arn"] for each in answers} == {"arn:of:the:function"}
    assert {each["trace"] for each in answers} == {"Root=1-2-3"}
    assert all(0 < each["ms"] <= TIMEOUT * 1000 for each in answers)


@pytest.mark.parametrize("text", ["", "é😀\n\x00", "x" * 5_000_000])
def test_any_payload_comes_back_as_it_was(new: New, text: str) -> None:
    assert answer(new(), "echo", text=text) == {"do": "echo", "text": text}


def test_an_exception_is_the_functions_error_and_the_process_goes_on(new: New) -> None:
    worker = new()

    result = invoke(worker, "fail")

    assert result.is_error
    error = json.loads(result.payload)
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such thing")
    assert "Traceback" in result.logs
    assert answer(worker, "echo") == {"do": "echo"}


def test_the_process_has_no_variable_that_it_was_not_given(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "of the machine")

    found = answer(new(OWN="of the function"), "environment")

    assert found["OWN"] == "of the function"
    ours = {"PYTHONPATH", "OWN", "AWS_LAMBDA_RUNTIME_API"}
    runtimes = {"AWS_EXECUTION_ENV", "_X_AMZN_TRACE_ID", "LC_CTYPE"}
    assert found.keys() - ours - runtimes == set()


def test_everything_that_was_written_before_the_answer_is_in_its_log(new: New) -> None:
    worker = new()
    for _ in range(5):
        written = lines(invoke(worker, "write", lines=3000).logs)
        assert [line for line in written if line.endswith("of print")] == [
            f"line {number} of print" for number in range(3000)
        ]
        assert sorted(written[3000:]) == ["of a child", "of stderr", "of the descriptor"]


def test_what_is_written_after_the_answer_is_in_the_next_log_or_the_last(new: New, tmp_path: Path) -> None:
    worker = new()
    for last in (False, True):
        go, done = tmp_path / f"go{last}", tmp_path / f"done{last}"
        os.mkfifo(go)
        assert lines(invoke(worker, "write_later", go=str(go), done=str(done)).logs) == []
        go.write_text("go")
        assert wait_until(done.exists, TIMEOUT)
        logs = worker.stop() if last else invoke(worker, "echo").logs
        assert lines(logs) == ["after the answer"]


def test_what_takes_too_long_is_ended_and_keeps_its_log(new: New) -> None:
    worker = new()
    pid = answer(worker, "describe")["pid"]

    result = invoke(worker, "sleep", timeout=1)

    assert result.is_error
    error = json.loads(result.payload)
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert lines(result.logs) == ["falls asleep", "Task timed out after 1.00 seconds"]
    assert not worker.alive
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("do", "how", "written"), [("leave", "exit status 3", ["leaves"]), ("die", "signal: killed", [])]
)
def test_a_process_that_ends_is_an_error_that_says_how(
    new: New, do: str, how: str, written: list[str]
) -> None:
    worker = new()

    result = invoke(worker, do)

    assert result.is_error
    error = json.loads(result.payload)
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f"Error: Runtime exited with error: {how}")
    assert lines(result.logs) == [*written, f"Runtime exited with error: {how}"]
    assert not worker.alive


LINUX_SAYS = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process takes")


@LINUX_SAYS
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(HANDLER, id="in-the-handler"),
        pytest.param(f"taken = bytearray({2 * MEMORY_MB} << 20)\n{HANDLER}", id="as-it-starts"),
    ],
)
def test_a_process_that_takes_more_memory_than_its_function_has_is_killed(new: New, code: str) -> None:
    worker = new(code)

    result = invoke(worker, "take", mb=2 * MEMORY_MB)

    assert result.is_error
    error = json.loads(result.payload)
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert not worker.alive


def test_a_process_that_keeps_to_its_memory_goes_on(new: New) -> None:
    worker = new()

    pids = [answer(worker, "describe")["pid"] for _ in range(2) if answer(worker, "take", mb=MEMORY_MB // 4)]

    assert len(set(pids)) == 1


def test_code_that_cannot_be_loaded_is_the_error_of_the_first_invocation(new: New) -> None:
    worker = new("raise RuntimeError('cannot start')")

    result = invoke(worker, "echo")

    assert result.is_error
    assert "cannot start" in json.loads(result.payload)["errorMessage"]
    assert wait_until(lambda: not worker.alive, TIMEOUT)


def test_a_stopped_process_takes_its_children_along(new: New) -> None:
    worker = new()
    child = answer(worker, "have_a_child")
    assert psutil.pid_exists(child)

    worker.stop()

    assert wait_until(lambda: not psutil.pid_exists(child), TIMEOUT)


def test_a_process_ends_when_its_emulator_is_killed(tmp_path: Path, python: str) -> None:
    (tmp_path / "app.py").write_text(HANDLER)
    emulator = (
        "import sys; from pathlib import Path; from tests.integration.function_host.test_worker import *\n"
        f"command = [{python!r}, '-m', 'awslambdaric', 'app.handler']\n"
        f"worker = Worker(command, Path({str(tmp_path)!r}), {{}}, MEMORY_MB)\n"
        "print(answer(worker, 'describe')['pid'], flush=True)\nsys.stdin.read()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", emulator],
        env={**os.environ, "PYTHONPATH": "."},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert running.stdout is not None
    pid = int(running.stdout.readline())
    assert psutil.pid_exists(pid)

    running.send_signal(signal.SIGKILL)
    running.wait()

    assert wait_until(lambda: not psutil.pid_exists(pid), TIMEOUT)
