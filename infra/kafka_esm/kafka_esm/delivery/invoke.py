"""Lambda's Invoke API: call a function, and tell whether it has processed the batch."""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, ReadTimeoutError

from kafka_esm.aws import aws_session, endpoint_of, error_code
from kafka_esm.delivery.outcome import Outcome, Sent, judge
from kafka_esm.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# A cold start happens before the function's own clock starts, and at an emulator it may build an image.
COLD_START_SECONDS = 300.0


@cache
def client_config(
    timeout_seconds: int, connections: int = 10, cold_start_seconds: float = COLD_START_SECONDS
) -> Config:
    """Return how a client is set up that waits as long as the function may start and run, and asks once."""
    return Config(
        connect_timeout=5,
        read_timeout=timeout_seconds + cold_start_seconds,
        # Retrying is the caller's: a repeated call must not happen behind its back.
        retries={"total_max_attempts": 1},
        max_pool_connections=connections,
    )


def lambda_client(
    endpoint_url: str,
    region: str,
    timeout_seconds: int,
    connections: int = 10,
    cold_start_seconds: float = COLD_START_SECONDS,
) -> "LambdaClient":
    """Return a client that waits as long as the function may start and run.

    Raises:
        ConfigurationError: the endpoint is not a URL, or there are no credentials.

    """
    config = client_config(timeout_seconds, connections, cold_start_seconds)
    session = aws_session()
    try:
        return session.client(
            "lambda", endpoint_url=endpoint_of("lambda", endpoint_url), region_name=region, config=config
        )
    except ValueError as exc:
        raise ConfigurationError(f"--endpoint-url: {exc}") from None


def invoke(client: "LambdaClient", function: str, payload: bytes, sent: Sent | None = None) -> Outcome:
    """Invoke a function with an event and wait for its answer; every failure is an outcome.

    `sent` is given if the function may name the records that failed.
    """
    try:
        answer = client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=payload)
        outcome = judge(answer["StatusCode"], answer.get("FunctionError"), answer["Payload"].read(), sent)
        return replace(
            outcome,
            request_id=answer["ResponseMetadata"].get("RequestId"),
            executed_version=answer.get("ExecutedVersion"),
        )
    except ClientError as exc:
        return _refusal(exc)
    except ReadTimeoutError:
        return Outcome("timeout", f"{function} did not answer in time")
    except (ConnectionError, HTTPClientError) as exc:
        return Outcome("unreachable", f"the Lambda endpoint cannot be reached ({type(exc).__name__})")
    except Exception as exc:
        # An answer that botocore cannot make sense of raises whatever its parser raises.
        return Outcome("malformed", f"the answer of the Lambda endpoint is malformed ({type(exc).__name__})")


def _refusal(exc: ClientError) -> Outcome:
    code = error_code(exc)[:100]
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    name = "throttled" if status == 429 else "rejected"
    return Outcome(name, f"Lambda refused the invocation: {code} (status {status})")
