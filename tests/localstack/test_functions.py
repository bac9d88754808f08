"""Functions on LocalStack without Docker: called, changed, limited and watched through AWS's API."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from mesh.deployment import build
from mesh.process import wait_until

from tests.components import zipped
from tests.localstack.conftest import Client

SECONDS = 60
Deploy = Callable[..., str]

HANDLER = """
import json, os, time

def handler(event, context):
    print("got", json.dumps(event))
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "exit" in event:
        os._exit(event["exit"])
    for number in range(event.get("lines", 0)):
        print(f"line {number}")
    return {"pid": os.getpid(), "environment": dict(os.environ)}
"""


@pytest.fixture
def invoke(client: Client) -> Callable[..., Any]:
    def invoke(name: str, **event: Any) -> Any:
        """Return the function's answer, or the error that it ends with."""
        answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        body = json.loads(answer["Payload"].read())
        assert answer.get("FunctionError") in ({"Unhandled"} if "errorMessage" in body else {None})
        return body

    return invoke


@pytest.fixture
def log(client: Client) -> Callable[[str], list[str]]:
    def log(name: str) -> list[str]:
        try:
            pages = (
                client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
            )
            return [event["message"].rstrip("\n") for page in pages for event in page["events"]]
        except ClientError:
            return []

    return log


def test_after_a_timeout_or_a_crash_the_next_invocation_works(deploy: Deploy, invoke: Any) -> None:
    name = deploy(HANDLER, Timeout=2)
    pids = {invoke(name)["pid"]}

    for event, message in (
        ({"sleep": 60}, "Error: Task timed out after 2.00 seconds"),
        ({"exit": 3}, "Error: Runtime exited with error: exit status 3"),
    ):
        assert invoke(name, **event)["errorMessage"].endswith(message)
        pids.add(invoke(name)["pid"])

    assert len(pids) == 3


def test_layers_lie_over_each_other_in_their_order(client: Client, deploy: Deploy, invoke: Any) -> None:
    layers = [
        client("lambda").publish_layer_version(
            LayerName=f"layer{number}", Content={"ZipFile": zipped(**files)}
        )
        for number, files in enumerate(
            (
                {"python__both": "NAME = 'first'", "python__one": "NAME = 'first'"},
                {"python__both": "NAME = 'second'", "python__package__part": "NAME = 'second'"},
            )
        )
    ]
    code = (
        "import both, one, boto3\nfrom package import part\n"
        "def handler(event, context): return [both.NAME, one.NAME, part.NAME]"
    )

    name = deploy(code, Layers=[layer["LayerVersionArn"] for layer in layers])

    assert invoke(name) == ["second", "first", "second"]


def test_a_function_has_lambdas_variables_and_its_own_and_no_others(deploy: Deploy, invoke: Any) -> None:
    name = deploy(HANDLER, Environment={"Variables": {"OWN": "value"}})

    found = invoke(name)["environment"]

    assert found["OWN"] == "value"
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert found["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{build.RUNTIME}"
    theirs = (
        "AWS_",
        "LAMBDA_",
        "_X_AMZN_",
        "_HANDLER",
        "LANG",
        "LC_",
        "LD_LIBRARY_PATH",
        "PATH",
        "PYTHONPATH",
    )
    assert [each for each in found if not each.startswith(theirs)] == ["TZ", "OWN", "TMPDIR"]
    assert not any(each.startswith("LAMBDA_PROCESS") for each in found)


def test_what_runs_at_once_runs_apart_up_to_what_is_reserved(
    client: Client, deploy: Deploy, invoke: Any
) -> None:
    name = deploy(HANDLER)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: invoke(name, sleep=5), range(3)))
        assert len({answer["pid"] for answer in answers}) == 3

        client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        running = [pool.submit(invoke, name, sleep=5) for _ in range(2)]
        errors = [error for each in running if (error := each.exception())]
    assert [type(error).__name__ for error in errors] == ["TooManyRequestsException"]


def test_every_line_is_in_the_log_group(deploy: Deploy, invoke: Any, log: Any) -> None:
    name = deploy(HANDLER, Timeout=5)
    expected = [f"line {number}" for number in range(1000)]

    invoke(name, lines=1000)
    invoke(name, sleep=60)

    assert wait_until(lambda: any("timed out" in line for line in log(name)), SECONDS)
    assert [line for line in log(name) if line.startswith("line ")] == expected
    assert 'got {"sleep": 60}' in log(name)


def test_new_code_answers_after_an_update(client: Client, deploy: Deploy, invoke: Any) -> None:
    name = deploy("def handler(event, context): return 'old'")
    assert invoke(name) == "old"

    code = zipped(app="def handler(event, context): return 'new'")
    client("lambda").update_function_code(FunctionName=name, ZipFile=code)
    client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)

    assert invoke(name) == "new"


def test_a_runtime_without_its_python_fails_and_says_so(client: Client, deploy: Deploy) -> None:
    name = deploy(HANDLER, runtime="python3.9")
    describe = partial(client("lambda").get_function_configuration, FunctionName=name)

    assert wait_until(lambda: describe()["State"] == "Failed", SECONDS)
    assert "There is no python3.9" in describe()["StateReason"]


def test_a_schedule_fires(client: Client, deploy: Deploy, log: Any) -> None:
    name = deploy(HANDLER)
    arn = client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
    client("events").put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    client("events").put_targets(Rule=name, Targets=[{"Id": "function", "Arn": arn}])

    assert wait_until(lambda: any('"source": "aws.events"' in line for line in log(name)), 100, 1)
    client("events").remove_targets(Rule=name, Ids=["function"])
    client("events").delete_rule(Name=name)


def test_a_kafka_mapping_is_polled_until_it_is_off(
    client: Client, deploy: Deploy, log: Any, kafka: str
) -> None:
    name, topic = deploy(HANDLER), f"topic-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    mapping = client("lambda").create_event_source_mapping(
        FunctionName=name,
        SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [kafka]}},
        SourceAccessConfigurations=[
            {"Type": "VPC_SUBNET", "URI": "subnet:subnet-1"},
            {"Type": "VPC_SECURITY_GROUP", "URI": "security_group:sg-1"},
        ],
        Topics=[topic],
        StartingPosition="TRIM_HORIZON",
    )
    assert mapping["BatchSize"] == 100
    describe = partial(client("lambda").get_event_source_mapping, UUID=mapping["UUID"])

    producer = KafkaProducer(bootstrap_servers=kafka)
    producer.send(topic, b"first").get(30)

    assert wait_until(lambda: any("Zmlyc3Q=" in line for line in log(name)), SECONDS)
    assert describe()["State"] == "Enabled"
    client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert wait_until(lambda: describe()["State"] == "Disabled", SECONDS)
    producer.send(topic, b"second").get(30)
    producer.close()
    client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    assert wait_until(lambda: any("c2Vjb25k" in line for line in log(name)), SECONDS)
    client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
