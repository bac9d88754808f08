"""A broker that lets in whoever has a certificate of an authority that it knows, as a mapping can say."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from moto import mock_aws
from users.kafka_client import Connections, access_options
from users.settings import KafkaSettings

from tests.apache_kafka.broker import SECURE, Broker, consume, create, produce
from tests.apache_kafka.conftest import Start
from tests.certificates import Party, issue

Options = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def authority() -> Party:
    return issue("authority of the clients")


@pytest.fixture
def broker(start: Start, authority: Party, tmp_path: Path) -> Broker:
    """Its secure listener asks for a certificate instead of a password."""
    trusted = tmp_path / "clients.pem"
    trusted.write_text(authority.pem)
    own = "BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT"
    return start(
        others={
            "listener.security.protocol.map": f"CLIENT0:PLAINTEXT,CLIENT{SECURE}:SSL,{own}",
            "ssl.client.auth": "required",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(trusted),
        }
    )


@pytest.fixture
def options(broker: Broker) -> Iterator[Options]:
    """Returns a client's options: the broker's authority is known, the client's certificate as given."""
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name="us-east-1")

        def put(name: str, **fields: str) -> str:
            return str(secrets.create_secret(Name=name, SecretString=json.dumps(fields))["ARN"])

        def options(client: Party | None = None) -> dict[str, Any]:
            shown = client and put("client", certificate=client.pem, privateKey=client.key_pem())
            settings = KafkaSettings(
                KAFKA_BOOTSTRAP_SERVERS=broker.listeners[SECURE].address,
                KAFKA_CLIENT_CERTIFICATE_SECRET_ARN=shown or "",
                KAFKA_ROOT_CA_SECRET_ARN=put("root", certificate=broker.access.root_ca),
            )
            return {
                **access_options(settings, SecretsProvider(boto3_client=secrets)),
                "kafka_client": Connections(),
            }

        yield options


def test_a_client_with_a_certificate_is_let_in(options: Options, authority: Party) -> None:
    client = options(issue("create_user", authority))
    create("by-certificate", client)
    produce("by-certificate", b"hello", client)
    assert consume("by-certificate", client) == [b"hello"]


@pytest.mark.parametrize("client", [None, issue("stranger")], ids=["no certificate", "a stranger's"])
def test_a_client_without_one_is_refused_and_told_so(options: Options, client: Party | None) -> None:
    with pytest.raises(KafkaError, match=r"\(Kafka does not accept the certificate of KafkaClient.*: \w+"):
        KafkaAdminClient(**options(client), bootstrap_timeout_ms=3000)
