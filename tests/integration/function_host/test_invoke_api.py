"""Lambda's Invoke API, as boto3 and kafka-esm call it."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from mesh.process import wait_until

from tests.integration.function_host.conftest import WAIT_SECONDS, Hosts, Running
from tests.integration.kafka_esm.conftest import Broker, broker, kafka_esm, start_poller

__all__ = ["broker", "kafka_esm", "start_poller"]


def error(answer: Any) -> dict[str, str]:
    """Return the error of an invocation that the function, or its end, has answered."""
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    found: dict[str, str] = json.loads(answer["Payload"].read())
    return found


def test_an_invocation_answers_and_says_what_was_executed(shared: Running) -> None:
    answer = shared.functions.invoke(FunctionName="f", Payload=json.dumps({"text": "é\n\0"}))

    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"text": "é\n\0"}
    assert answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    "name",
    [
        "f:$LATEST",
        "f:live",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "arn:aws:lambda:us-east-1:000000000000:function:f:live",
        "000000000000:function:f",
        "function:f",
    ],
)
def test_a_function_may_be_called_by_any_of_its_names(shared: Running, name: str) -> None:
    assert shared.invoke(name) == {}


def test_without_a_payload_the_event_is_empty(shared: Running) -> None:
    assert json.loads(shared.functions.invoke(FunctionName="f")["Payload"].read()) == {}


def test_the_log_comes_with_the_answer_its_last_4_kb(shared: Running) -> None:
    event = {"do": "write", "text": "first " + "x" * 5000 + " last"}

    answer = shared.functions.invoke(FunctionName="f", LogType="Tail", Payload=json.dumps(event))

    log = base64.b64decode(answer["LogResult"]).decode()
    assert len(log) <= 4096
    assert "first" not in log
    assert " last\n" in log
    assert f"REPORT RequestId: {answer['ResponseMetadata']['RequestId']}" in log


def test_the_environment_is_lambdas(shared: Running) -> None:
    found = shared.invoke(do="describe")

    variables = found["environment"]
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["_HANDLER"] == "app.handler"
    assert variables["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert variables["A_VARIABLE"] == "of the host"
    assert "FUNCTION_HOST_OTHER" not in variables
    assert found["folder"] == variables["LAMBDA_TASK_ROOT"] == str(shared.folder / "code")


def test_a_clients_context_gets_through(shared: Running) -> None:
    context = base64.b64encode(b'{"custom":\r\n{"a": "b"}}').decode()

    answer = shared.functions.invoke(
        FunctionName="f", ClientContext=context, Payload=json.dumps({"do": "describe"})
    )

    assert json.loads(answer["Payload"].read())["client"] == {"a": "b"}


def test_an_exception_is_an_unhandled_error(shared: Running) -> None:
    found = error(shared.functions.invoke(FunctionName="f", Payload=b'{"do":"fail"}'))

    assert (found["errorType"], found["errorMessage"]) == ("ValueError", "no such thing")


@pytest.mark.parametrize(
    ("bytes_", "fits"), [(6 * 2**20, True), (6 * 2**20 + 100, False)]
)  # and the quotes of the JSON
def test_an_answer_has_6_mb_at_most(shared: Running, bytes_: int, fits: bool) -> None:
    pid = shared.invoke(do="describe")["pid"]

    answer = shared.functions.invoke(FunctionName="f", Payload=json.dumps({"do": "large", "bytes": bytes_}))

    if fits:
        assert len(answer["Payload"].read()) == bytes_ + 2
    else:
        assert error(answer)["errorType"] == "Function.ResponseSizeTooLarge"
    assert shared.invoke(do="describe")["pid"] == pid


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"FunctionName": "nobody"}, 404, "ResourceNotFoundException"),
        ({"Payload": b"{"}, 400, "InvalidRequestContentException"),
        ({"Payload": b'"' + b"x" * (6 * 2**20) + b'"'}, 413, "RequestTooLargeException"),
        (
            {"InvocationType": "Event", "Payload": b'"' + b"x" * 2**20 + b'"'},
            413,
            "RequestTooLargeException",
        ),
    ],
)
def test_what_lambda_refuses_is_refused_alike(
    shared: Running, parameters: dict[str, Any], status: int, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        shared.functions.invoke(**{"FunctionName": "f", **parameters})

    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_dry_run_invokes_nothing(shared: Running) -> None:
    answer = shared.functions.invoke(FunctionName="f", InvocationType="DryRun", Payload=b'{"do":"leave"}')

    assert answer["StatusCode"] == 204


def test_an_event_is_accepted_and_done_later(shared: Running, gate: Path, tmp_path: Path) -> None:
    event = {"do": "wait", "name": "w", "folder": str(tmp_path), "gate": str(gate)}

    answer = shared.functions.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(event))

    assert answer["StatusCode"] == 202
    assert wait_until(lambda: [*tmp_path.glob("w-*")] != [], WAIT_SECONDS)
    gate.touch()


def test_no_worker_has_two_invocations_at_once(host: Hosts, tmp_path: Path) -> None:
    running = host(max_workers=3, queue_seconds=WAIT_SECONDS)
    alone = partial(running.invoke, do="alone", folder=str(tmp_path))

    with ThreadPoolExecutor(12) as pool:
        pids = [each.result() for each in [pool.submit(alone) for _ in range(120)]]

    assert 1 <= len(set(pids)) <= 3
    assert len(running.workers()) <= 3


def test_workers_are_started_when_they_are_needed_and_only_then(
    host: Hosts, gate: Path, tmp_path: Path
) -> None:
    running = host(min_workers=0, max_workers=2)
    assert running.workers() == []
    wait = partial(running.invoke, do="wait", folder=str(tmp_path), gate=str(gate))

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(wait, name=f"w{number}") for number in range(2)]
        assert wait_until(lambda: len([*tmp_path.glob("w?-*")]) == 2, WAIT_SECONDS)
        assert len(running.workers()) == 2
        gate.touch()
        assert [each.result()["body"] for each in waiting] == ["let go"] * 2

    assert len(running.workers()) == 2


def test_over_its_number_an_invocation_is_throttled_as_by_lambda(
    host: Hosts, gate: Path, tmp_path: Path
) -> None:
    running = host(max_workers=1, queue_seconds=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(running.invoke, do="wait", name="w", folder=str(tmp_path), gate=str(gate))
        assert wait_until(lambda: [*tmp_path.glob("w-*")] != [], WAIT_SECONDS)

        with pytest.raises(running.functions.exceptions.TooManyRequestsException) as refused:
            running.invoke()

        gate.touch()
        waiting.result()
    response = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert running.invoke() == {}
    assert 'function_host_throttles_total{function="f"} 1.0' in running.metrics()


def test_what_takes_too_long_is_ended_and_the_next_one_gets_a_new_worker(host: Hosts) -> None:
    running = host(timeout_seconds=1)
    pid = running.invoke(do="describe")["pid"]

    found = error(running.functions.invoke(FunctionName="f", Payload=b'{"do":"sleep"}'))

    assert found["errorType"] == "Sandbox.Timedout"
    assert found["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert not psutil.pid_exists(pid)
    assert running.invoke(do="describe")["pid"] != pid
    assert "Task timed out after 1.00 seconds" in running.errors


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"do": "leave"}, "exit status 3"),
        pytest.param(
            {"do": "take", "mb": 256},
            "signal: killed",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process takes"),
        ),
    ],
)
def test_a_worker_that_ends_is_an_error_and_the_next_one_gets_a_new_one(
    host: Hosts, event: dict[str, Any], said: str
) -> None:
    running = host()

    found = error(running.functions.invoke(FunctionName="f", Payload=json.dumps(event)))

    assert found["errorType"] == "Runtime.ExitError"
    assert found["errorMessage"].endswith(f"Runtime exited with error: {said}")
    assert running.invoke(after="it") == {"after": "it"}
    assert 'function_host_invocations_total{function="f",outcome="crash"} 1.0' in running.metrics()


def test_a_worker_that_was_killed_while_idle_is_not_missed(host: Hosts) -> None:
    running = host()
    (worker,) = running.workers()
    worker.kill()
    assert wait_until(lambda: not worker.is_running() or worker.status() == "zombie", WAIT_SECONDS)

    assert running.invoke(after="it") == {"after": "it"}


def test_a_function_that_cannot_be_loaded_says_so_and_the_host_is_not_ready(host: Hosts) -> None:
    running = host(code="raise RuntimeError('cannot start')", ready=False, queue_seconds=WAIT_SECONDS)
    assert wait_until(lambda: "cannot start" in running.output, WAIT_SECONDS)

    found = error(running.functions.invoke(FunctionName="f"))

    assert "cannot start" in found["errorMessage"]
    assert not running.ready()


def test_later_layers_win_over_earlier_ones_and_nothing_is_written_to_them(
    host: Hosts, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        package = tmp_path / name / "python" / "package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"name = {name!r}")
    code = "import package\ndef handler(event, context):\n    return package.name\n"

    running = host(code=code, layers=[str(tmp_path / "one"), str(tmp_path / "two")])

    assert running.invoke() == "two"
    assert [*tmp_path.rglob("__pycache__")] == []


def test_kafka_esm_delivers_to_it(host: Hosts, broker: Broker, start_poller: Callable[..., Any]) -> None:
    code = "import json\ndef handler(event, context):\n    print('got', json.dumps(event['records']))\n"
    running = host(code=code, gateway={})
    topic = broker.create_topic()

    start_poller(broker, SimpleNamespace(url=running.internal_url), {"f": topic})
    broker.produce(topic, "hello")

    assert wait_until(lambda: "aGVsbG8=" in running.output, WAIT_SECONDS)
    assert wait_until(lambda: broker.committed("f", topic) == 1, WAIT_SECONDS)


@pytest.mark.parametrize(
    "option", [["--config", "nowhere.yaml"], [], ["--handler", "app.handler", "--code", "/no"]]
)
def test_a_wrong_configuration_is_one_line_and_status_2(option: list[str]) -> None:
    command = [sys.executable, "-m", "function_host", "run", *option]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
