"""What the secrets make of a Kafka client's options, and what is said when Kafka does not let it in."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError, KafkaTimeoutError, SaslAuthenticationFailedError
from mesh.process import free_port
from moto import mock_aws
from users.kafka_client import Connections, KafkaAccessError, access_options
from users.settings import KafkaSettings

from tests.certificates import Party, issue, server, shake_hands
from tests.refusing_broker import refusing_broker

CANARY = "canary-3f9b"
Options = Callable[..., dict[str, Any]]
PASSWORD = {"username": "mesh", "password": CANARY}


@pytest.fixture(scope="module")
def authority() -> Party:
    return issue("authority")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


@pytest.fixture
def options(secrets: Any) -> Options:
    """Returns the options for secrets, by the names of their settings."""

    def options(**contents: Any) -> dict[str, Any]:
        arns = {}
        for name, content in contents.items():
            text = content if isinstance(content, str) else json.dumps(content)
            arns[name] = secrets.create_secret(Name=name, SecretString=text)["ARN"]
        return options_of(secrets, **arns)

    return options


def options_of(secrets: Any, **arns: str) -> dict[str, Any]:
    variables = {f"KAFKA_{name.upper()}_ARN": arn for name, arn in arns.items()}
    settings = KafkaSettings.model_validate({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2", **variables})
    return access_options(settings, SecretsProvider(boto3_client=secrets))


def test_given_no_secret_then_brokers_are_reached_in_plain_text(
    options: Options,
) -> None:
    assert options() == {"bootstrap_servers": ["a:1", "b:2"]}


def test_given_a_password_then_it_goes_by_scram_over_tls_to_a_broker_that_is_verified(
    options: Options,
) -> None:
    made = options(secret=PASSWORD)
    assert made["security_protocol"] == "SASL_SSL"
    assert made["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (made["sasl_plain_username"], made["sasl_plain_password"]) == ("mesh", CANARY)
    assert made["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert made["ssl_context"].check_hostname
    assert made["ssl_context"].minimum_version >= ssl.TLSVersion.TLSv1_2
    assert made.keys() <= KafkaProducer.DEFAULT_CONFIG.keys()


def test_given_an_authority_then_it_alone_is_trusted(options: Options, authority: Party) -> None:
    made = options(root_ca_secret={"certificate": authority.pem})
    assert made["security_protocol"] == "SSL"
    assert made["ssl_context"].cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize("password", [None, "of the key"])
def test_given_a_client_certificate_then_a_broker_that_asks_for_it_is_shown_it(
    options: Options, authority: Party, tmp_path: Path, password: str | None
) -> None:
    client, broker = issue("client", authority), issue("broker", authority)
    secret = {"certificate": client.pem, "privateKey": client.key_pem(password)}
    made = options(
        client_certificate_secret=secret | ({"privateKeyPassword": password} if password else {}),
        root_ca_secret={"certificate": authority.pem},
    )
    assert made["security_protocol"] == "SSL"
    assert "sasl_mechanism" not in made
    shake_hands(made["ssl_context"], server(broker, authority, tmp_path), "broker")


@pytest.mark.parametrize(
    ("setting", "content", "why"),
    [
        ("secret", "no json", "it is not JSON"),
        ("secret", "[]", "it is not a JSON object"),
        ("secret", {"username": "mesh"}, "its field password is missing or not a string"),
        ("secret", {"username": "mesh", "password": 7}, "its field password is missing or not a string"),
        ("secret", {"username": "", "password": CANARY}, "its field username is missing or not a string"),
        ("root_ca_secret", {"certificate": CANARY}, "its certificate is not a PEM chain"),
        ("root_ca_secret", {"certificate": f"{CANARY}é"}, "its certificate is not a PEM chain"),
        (
            "client_certificate_secret",
            {"certificate": CANARY},
            "its field privateKey is missing or not a string",
        ),
        (
            "client_certificate_secret",
            {"certificate": CANARY, "privateKey": CANARY},
            "its certificate, key or privateKeyPassword is wrong",
        ),
    ],
)
def test_given_a_secret_that_cannot_be_used_then_it_is_named_and_not_shown(
    options: Options, setting: str, content: Any, why: str
) -> None:
    with pytest.raises(KafkaAccessError) as refused:
        options(**{setting: content})
    assert "arn:aws:secretsmanager:" in str(refused.value)
    assert why in str(refused.value)
    assert CANARY not in str(refused.value)


def test_given_an_encrypted_key_without_its_password_then_nobody_is_asked_for_it(
    options: Options, authority: Party
) -> None:
    client = issue("client", authority)
    with pytest.raises(KafkaAccessError, match="privateKeyPassword is wrong"):
        options(client_certificate_secret={"certificate": client.pem, "privateKey": client.key_pem("secret")})


def test_given_no_such_secret_then_it_is_named(secrets: Any) -> None:
    with pytest.raises(KafkaAccessError, match=r"the secret arn:gone: it cannot be read: .*ResourceNotFound"):
        options_of(secrets, secret="arn:gone")


def test_given_a_secret_that_was_changed_then_the_next_client_has_it_as_it_is_now(
    options: Options, secrets: Any
) -> None:
    options(secret=PASSWORD)
    arn = secrets.list_secrets()["SecretList"][0]["ARN"]
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({**PASSWORD, "password": "new"}))
    assert options_of(secrets, secret=arn)["sasl_plain_password"] == "new"


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (SaslAuthenticationFailedError("wrong"), "refuses the username or password of KafkaSecretArn"),
        (
            KafkaConnectionError(
                "Handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                "certificate has expired (_ssl.c:1006)"
            ),
            "the broker's certificate is refused: certificate has expired)",
        ),
        (
            KafkaConnectionError(
                "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"
            ),
            "Kafka does not accept the certificate of KafkaClientCertificateSecretArn: certificate required",
        ),
        (KafkaConnectionError("Connection refused"), "Connection refused"),
    ],
)
def test_given_a_connection_that_failed_when_a_client_times_out_then_the_error_says_why(
    trouble: Exception, said: str
) -> None:
    connections = Connections()
    connections._note(trouble)
    connections._note(trouble)
    assert said in str(connections.explained(KafkaTimeoutError("Unable to bootstrap")))


def test_given_a_connection_that_was_made_then_an_error_stands_for_itself() -> None:
    connections, error = Connections(), KafkaTimeoutError("too slow")
    connections._note(KafkaConnectionError("Connection refused"))
    connections._note(True)
    assert connections.explained(error) is error


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (SaslAuthenticationFailedError("wrong"), "refuses the username or password"),
        (
            KafkaConnectionError("[SSL] sslv3 alert certificate unknown (_ssl.c:2580)"),
            "does not accept the certificate",
        ),
    ],
)
def test_given_a_refusal_then_what_attempts_after_it_end_by_does_not_hide_it(
    refusal: Exception, said: str
) -> None:
    connections = Connections()
    connections._note(refusal)
    connections._note(KafkaTimeoutError("not within 143 ms"))
    explained = connections.explained(KafkaTimeoutError("Unable to bootstrap"))
    assert isinstance(explained, KafkaTimeoutError)
    assert said in str(explained)


def test_given_no_broker_when_a_client_is_made_then_its_error_says_why() -> None:
    with pytest.raises(KafkaTimeoutError, match=r"Unable to bootstrap .*Connection refused|ECONNREFUSED"):
        KafkaProducer(
            bootstrap_servers=f"127.0.0.1:{free_port()}", bootstrap_timeout_ms=500, kafka_client=Connections()
        )


def test_given_a_broker_that_hangs_up_with_its_answer_when_a_client_is_made_then_its_error_says_why() -> None:
    with (
        refusing_broker() as address,
        pytest.raises(KafkaTimeoutError, match="refuses the username or password"),
    ):
        KafkaProducer(bootstrap_servers=address, bootstrap_timeout_ms=500, kafka_client=Connections())


def test_given_the_lowest_log_level_when_secrets_are_read_then_they_are_not_in_the_log(
    options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="botocore")  # the poller's own log quietens it
    options(secret=PASSWORD)
    assert "GetSecretValue" in caplog.text
    assert CANARY not in caplog.text.partition("GetSecretValue")[2]


def test_given_a_broker_that_never_answers_to_tls_when_a_client_is_made_then_it_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as broker,
        pytest.raises(KafkaTimeoutError, match=r"no connection was made within 1.5 s"),
    ):
        KafkaProducer(
            bootstrap_servers=f"127.0.0.1:{broker.getsockname()[1]}",
            bootstrap_timeout_ms=500,
            security_protocol="SSL",
            ssl_context=ssl.create_default_context(),
            kafka_client=Connections(),
        )
