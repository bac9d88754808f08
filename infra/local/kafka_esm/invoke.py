"""Lambda's Invoke API: call a function, and tell whether it has processed the batch."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, ReadTimeoutError

from kafka_esm.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient

# A cold start happens before the function's own clock starts.
_COLD_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended; `error` says more unless it succeeded. Never holds record contents."""

    name: str
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the batch has been processed."""
        return self.error is None


SUCCESS = Outcome("success")


def lambda_client(endpoint_url: str, region: str, timeout_seconds: int) -> "LambdaClient":
    """Return a client that waits as long as the function may run.

    Raises:
        ConfigurationError: the endpoint is not a URL, or there are no credentials.

    """
    config = Config(
        connect_timeout=5,
        read_timeout=timeout_seconds + _COLD_START_SECONDS,
        # Retrying is the poller's: a repeated call must not happen behind its back.
        retries={"total_max_attempts": 1},
    )
    session = _session()
    try:
        return session.client("lambda", endpoint_url=endpoint_url, region_name=region, config=config)
    except ValueError as exc:
        raise ConfigurationError(f"--endpoint-url: {exc}") from None


def physical_name(endpoint_url: str, region: str, stack_name: str, logical_id: str) -> str:
    """Look up the name under which CloudFormation deployed a function.

    Raises:
        ConfigurationError: the endpoint does not know the stack or the resource, or does not answer.

    """
    try:
        client: CloudFormationClient = _session().client(
            "cloudformation",
            endpoint_url=endpoint_url,
            region_name=region,
            config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}),
        )
        answer = client.describe_stack_resource(StackName=stack_name, LogicalResourceId=logical_id)
        return answer["StackResourceDetail"]["PhysicalResourceId"]
    except (BotoCoreError, ClientError, KeyError, ValueError) as exc:
        raise ConfigurationError(
            f"--stack-name {stack_name}: {logical_id} cannot be looked up at {endpoint_url}: {exc}"
        ) from None


def invoke(client: "LambdaClient", function: str, payload: bytes) -> Outcome:
    """Invoke a function with an event and wait for its answer; every failure is an outcome."""
    try:
        answer = client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=payload)
        return judge(answer["StatusCode"], answer.get("FunctionError"), answer["Payload"].read())
    except ClientError as exc:
        return _refusal(exc)
    except ReadTimeoutError:
        return Outcome("timeout", f"{function} did not answer in time")
    except (ConnectionError, HTTPClientError) as exc:
        return Outcome("unreachable", f"the Lambda endpoint cannot be reached ({type(exc).__name__})")
    except Exception as exc:
        # An answer that botocore cannot make sense of raises whatever its parser raises.
        return Outcome("malformed", f"the answer of the Lambda endpoint is malformed ({type(exc).__name__})")


def judge(status: int, function_error: str | None, payload: bytes) -> Outcome:
    """Tell from Lambda's answer whether the function has processed the batch."""
    try:
        body = json.loads(payload)
    except ValueError:
        return Outcome("malformed", "the answer of the Lambda endpoint is not JSON")
    kind = body.get("errorType") if isinstance(body, dict) else None
    # `sam local start-lambda` leaves FunctionError out: only the payload tells.
    if function_error or isinstance(kind, str):
        # The error's message is left out: functions put the data they choke on into it.
        named = kind[:100] if isinstance(kind, str) else "no error type given"
        return Outcome("function_error", f"the function failed: {named}")
    if status != 200:
        return Outcome("malformed", f"the Lambda endpoint answered with status {status}")
    return SUCCESS


def _refusal(exc: ClientError) -> Outcome:
    code = str(exc.response.get("Error", {}).get("Code", "unknown"))[:100]
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    name = "throttled" if status == 429 else "rejected"
    return Outcome(name, f"Lambda refused the invocation: {code} (status {status})")


def _session() -> boto3.Session:
    session = boto3.Session()
    if session.get_credentials() is None:
        raise ConfigurationError(
            "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "(any value does for an emulator)"
        )
    return session
