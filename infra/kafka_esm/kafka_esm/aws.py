"""The AWS API at the endpoint, apart from invoking: sessions, clients, and where a stack's resources are."""

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kafka_esm.errors import ConfigurationError


def aws_session() -> boto3.Session:
    """Return a session that has credentials.

    Raises:
        ConfigurationError: there are none.

    """
    session = boto3.Session()
    if session.get_credentials() is None:
        raise ConfigurationError(
            "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "(any value does for an emulator)"
        )
    return session


def configured_endpoint(service: str = "") -> str | None:
    """Return what boto3's own AWS_ENDPOINT_URL, or AWS_ENDPOINT_URL_<SERVICE>, says, if it is to count."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    name = "SECRETS_MANAGER" if service == "secretsmanager" else service.upper()
    return os.environ.get(f"AWS_ENDPOINT_URL_{name}" if name else "AWS_ENDPOINT_URL")


def endpoint_of(service: str, endpoint_url: str) -> str:
    """Return where a service answers: its own variable counts before --endpoint-url."""
    return configured_endpoint(service) or endpoint_url


def error_code(exc: BotoCoreError | ClientError) -> str:
    """Return why a call failed, in a word that holds nothing of it: the API's code, or boto3's own name."""
    if isinstance(exc, ClientError):
        return str(exc.response.get("Error", {}).get("Code", "unknown"))
    return type(exc).__name__


def api_client(service: str, endpoint_url: str, region: str) -> Any:
    """Return a client for the calls made at start, which gives up soon; ConfigurationError as `client`."""
    retrying = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3})
    return client(service, endpoint_url, region, retrying)


def client(service: str, endpoint_url: str, region: str, config: Config) -> Any:
    """Return a client for a service where the user says it answers.

    Raises:
        ConfigurationError: the endpoint is not a URL, or there are no credentials.

    """
    session: Any = aws_session()
    try:
        return session.client(
            service, endpoint_url=endpoint_of(service, endpoint_url), region_name=region, config=config
        )
    except ValueError as exc:
        raise ConfigurationError(f"--endpoint-url: {exc}") from None


def physical_name(endpoint_url: str, region: str, stack_name: str, logical_id: str) -> str:
    """Look up the name under which CloudFormation deployed a resource.

    Raises:
        ConfigurationError: the endpoint does not know the stack or the resource, or does not answer.

    """
    client = api_client("cloudformation", endpoint_url, region)
    try:
        answer = client.describe_stack_resource(StackName=stack_name, LogicalResourceId=logical_id)
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])
    except (BotoCoreError, ClientError, KeyError) as exc:
        raise ConfigurationError(
            f"--stack-name {stack_name}: {logical_id} cannot be looked up at {endpoint_url}: {exc}"
        ) from None
