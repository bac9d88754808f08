"""How Kafka is reached: by secrets in the AWS API that functions, poller and the mesh's own clients read."""

import json
import os
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.exceptions import ClientError
from users.kafka_client import Connections, KafkaAccessError, access_options
from users.settings import KafkaSettings

from mesh import components
from mesh.clients.aws import client
from mesh.deployment import template_parameters
from mesh.errors import MeshError
from mesh.state import State

_PASSWORD = "event-mesh/kafka"  # noqa: S105 - its name
_ROOT_CA = "event-mesh/kafka-root-ca"


def publish(state: State) -> dict[str, str]:
    """Put what opens the brokers into Secrets Manager; return the template's parameters that name it.

    That of the mesh's own broker, or for one that is elsewhere what KAFKA_USERNAME, KAFKA_PASSWORD and
    KAFKA_ROOT_CA say; nothing if nothing is needed.
    """
    login, root_ca = _login(state)
    published = {}
    if login:
        published["KafkaSecretArn"] = _put(state, _PASSWORD, login)
    if root_ca:
        published["KafkaRootCaSecretArn"] = _put(state, _ROOT_CA, {"certificate": root_ca})
    return published


def options(state: State) -> dict[str, Any]:
    """Return kafka-python's options for the mesh's brokers; MeshError if a secret cannot be used."""
    values = template_parameters.resolved(template_parameters.given(state))
    settings = KafkaSettings(
        KAFKA_BOOTSTRAP_SERVERS=values["KafkaBootstrapServers"],
        KAFKA_SECRET_ARN=values["KafkaSecretArn"],
        KAFKA_CLIENT_CERTIFICATE_SECRET_ARN=values["KafkaClientCertificateSecretArn"],
        KAFKA_ROOT_CA_SECRET_ARN=values["KafkaRootCaSecretArn"],
    )
    secrets = SecretsProvider(boto3_client=client("secretsmanager", state.aws_endpoint_url))
    try:
        return {**access_options(settings, secrets), "kafka_client": Connections()}
    except KafkaAccessError as error:
        raise MeshError(f"Kafka cannot be reached: {error}") from error


def _login(state: State) -> tuple[dict[str, str], str]:
    """Return username and password, and the authority in PEM; each empty if there is none."""
    if state.components[0].pid is not None:
        own = components.kafka_login(state.broker)
        return ({"username": own.username, "password": own.password}, own.root_ca) if own else ({}, "")
    username, password = os.environ.get("KAFKA_USERNAME", ""), os.environ.get("KAFKA_PASSWORD", "")
    if bool(username) != bool(password):
        raise MeshError("Of KAFKA_USERNAME and KAFKA_PASSWORD one is given: Kafka needs both, or neither.")
    try:
        root_ca = Path(file).read_text("ascii") if (file := os.environ.get("KAFKA_ROOT_CA")) else ""
    except (OSError, ValueError) as error:
        raise MeshError(f"KAFKA_ROOT_CA names no PEM file that can be read: {error}") from error
    return {"username": username, "password": password} if username else {}, root_ca


def _put(state: State, name: str, content: dict[str, str]) -> str:
    """Make a secret, or change it; return its ARN."""
    secrets, text = client("secretsmanager", state.aws_endpoint_url), json.dumps(content)
    try:
        made = secrets.create_secret(Name=name, SecretString=text)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
        made = secrets.put_secret_value(SecretId=name, SecretString=text)
    return str(made["ARN"])
