"""Speaking to the AWS API of an emulator."""

from functools import cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from kafka_esm.delivery.invoke import client_config

STACK = "event-mesh"
ENRICH_WORKERS = "1"  # a worker takes 330 MB, and one batch may hold all partitions
REGION = "us-east-1"
CREDENTIALS = {  # no emulator checks them, and none of ours is ever sent
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
}
_LONGEST_SECONDS = 900
_MAKING = Lock()  # clients may be shared by threads, what makes them may not


@cache  # each takes 30 ms to make
def client(service: str, endpoint_url: str, config: Config | None = None) -> Any:
    """Return a boto3 client of the service at the endpoint."""
    with _MAKING:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=endpoint_url,
            config=config,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )


def invoke(endpoint_url: str, function: str, payload: str) -> Any:
    """Invoke a function, once, and return Lambda's answer, however long the function may run."""
    invoking = client("lambda", endpoint_url, client_config(_timeout(endpoint_url, function)))
    return invoking.invoke(FunctionName=function, Payload=payload)


def _timeout(endpoint_url: str, function: str) -> int:
    """Return how many seconds a function may run; Lambda's most where nobody says, as by `sam local`."""
    try:
        configuration = client("lambda", endpoint_url).get_function_configuration(FunctionName=function)
    except ClientError:
        return _LONGEST_SECONDS
    return int(configuration["Timeout"])


def physical_id(endpoint_url: str, logical_id: str) -> str | None:
    """Return the name that a resource of the stack was given, None if there is no such resource."""
    try:
        found = client("cloudformation", endpoint_url).describe_stack_resource(
            StackName=STACK, LogicalResourceId=logical_id
        )
    except ClientError:
        return None
    return str(found["StackResourceDetail"]["PhysicalResourceId"])
