"""How the mesh's own clients reach Kafka: as the functions do, by the secrets that its parameters name."""

from typing import Any

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from users.kafka_client import KafkaAccessError, access_options
from users.settings import KafkaSettings

from mesh import deploy
from mesh.aws import client
from mesh.errors import MeshError
from mesh.state import State


def options(state: State) -> dict[str, Any]:
    """Return kafka-python's options for the mesh's brokers; MeshError if a secret cannot be used."""
    values = deploy.resolved(deploy.parameters(state))
    settings = KafkaSettings(
        KAFKA_BOOTSTRAP_SERVERS=values["KafkaBootstrapServers"],
        KAFKA_SECRET_ARN=values["KafkaSecretArn"],
        KAFKA_CLIENT_CERTIFICATE_SECRET_ARN=values["KafkaClientCertificateSecretArn"],
        KAFKA_ROOT_CA_SECRET_ARN=values["KafkaRootCaSecretArn"],
    )
    secrets = SecretsProvider(boto3_client=client("secretsmanager", state.aws_endpoint_url))
    try:
        return access_options(settings, secrets)
    except KafkaAccessError as error:
        raise MeshError(f"Kafka cannot be reached: {error}") from error
