"""What SourceAccessConfigurations and their secrets make of the connection to Kafka."""

import json
import ssl
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from kafka import KafkaConsumer, KafkaProducer
from kafka_esm.consumer.access import kafka_security
from kafka_esm.errors import ConfigurationError
from moto import mock_aws

from tests.certificates import Party, issue, server, shake_hands

CANARY = "canary-3f9b"
SCRAM = "SASL_SCRAM_512_AUTH"
CLIENT = "CLIENT_CERTIFICATE_TLS_AUTH"
ROOT_CA = "SERVER_ROOT_CA_CERTIFICATE"


@pytest.fixture(scope="module")
def authority() -> Party:
    return issue("authority")


@pytest.fixture(scope="module")
def broker(authority: Party) -> Party:
    return issue("broker", authority)


@pytest.fixture(scope="module")
def client(authority: Party) -> Party:
    return issue("client", authority)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


@pytest.fixture
def store(secrets: Any) -> Callable[[Any], str]:
    """Store a secret; returns its ARN."""

    def made(content: Any) -> str:
        name = f"s{len(secrets.list_secrets()['SecretList'])}"
        text = content if isinstance(content, str) else json.dumps(content)
        arn: str = secrets.create_secret(Name=name, SecretString=text)["ARN"]
        return arn

    return made


@pytest.mark.parametrize(
    ("kind", "mechanism"),
    [("BASIC_AUTH", "PLAIN"), ("SASL_SCRAM_256_AUTH", "SCRAM-SHA-256"), (SCRAM, "SCRAM-SHA-512")],
)
def test_given_a_password_when_connecting_then_sasl_goes_over_tls(
    kind: str, mechanism: str, secrets: Any, store: Callable[[Any], str]
) -> None:
    options = kafka_security([(kind, store({"username": "u", "password": CANARY}))], secrets)
    context = options.pop("ssl_context")
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "u",
        "sasl_plain_password": CANARY,
    }
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_given_the_broker_has_no_tls_when_plaintext_is_asked_for_then_sasl_goes_without(
    secrets: Any, store: Callable[[Any], str]
) -> None:
    arn = store({"username": "u", "password": "p"})
    options = kafka_security([(SCRAM, arn), (ROOT_CA, "not looked at")], secrets, plaintext=True)
    assert options == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


def test_given_every_kind_of_access_when_connecting_then_kafka_python_knows_the_options(
    secrets: Any, store: Callable[[Any], str], authority: Party
) -> None:
    password, root = store({"username": "u", "password": "p"}), store({"certificate": authority.pem})
    options = kafka_security([(SCRAM, password), (ROOT_CA, root)], secrets)
    assert options.keys() <= KafkaConsumer.DEFAULT_CONFIG.keys() & KafkaProducer.DEFAULT_CONFIG.keys()


@pytest.mark.parametrize(
    "configurations",
    [[], [("VPC_SUBNET", "subnet-1"), ("VPC_SECURITY_GROUP", "sg-1")], [(SCRAM, ""), (ROOT_CA, "")]],
)
def test_given_nothing_is_switched_on_when_connecting_then_there_is_no_protection(
    configurations: list[tuple[str, str]], secrets: Any
) -> None:
    assert kafka_security(configurations, secrets) == {}


def test_given_a_root_certificate_when_connecting_then_it_alone_is_trusted(
    secrets: Any, store: Callable[[Any], str], authority: Party, broker: Party, tmp_path: Path
) -> None:
    chain = issue("another").pem + authority.pem
    options = kafka_security([(ROOT_CA, store({"certificate": chain}))], secrets)
    assert options["security_protocol"] == "SSL"
    side = server(broker, None, tmp_path)
    shake_hands(options["ssl_context"], side, "broker")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(options["ssl_context"], side, "elsewhere")
    stranger = server(issue("broker", issue("authority")), None, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(options["ssl_context"], stranger, "broker")


def test_given_no_root_certificate_when_connecting_then_a_private_one_is_not_trusted(
    secrets: Any, store: Callable[[Any], str], broker: Party, tmp_path: Path
) -> None:
    options = kafka_security([(SCRAM, store({"username": "u", "password": "p"}))], secrets)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(options["ssl_context"], server(broker, None, tmp_path), "broker")


@pytest.mark.parametrize("password", [None, "secret"])
def test_given_a_client_certificate_when_connecting_then_the_broker_accepts_it(
    password: str | None,
    secrets: Any,
    store: Callable[[Any], str],
    authority: Party,
    broker: Party,
    client: Party,
    tmp_path: Path,
) -> None:
    secret = {"certificate": client.pem + authority.pem, "privateKey": client.key_pem(password)}
    if password:
        secret["privateKeyPassword"] = password
    configurations = [(CLIENT, store(secret)), (ROOT_CA, store({"certificate": authority.pem}))]
    options = kafka_security(configurations, secrets)
    assert options["security_protocol"] == "SSL"
    assert "sasl_mechanism" not in options
    shake_hands(options["ssl_context"], server(broker, authority, tmp_path), "broker")
    with pytest.raises(ssl.SSLError):
        shake_hands(options["ssl_context"], server(broker, issue("other"), tmp_path), "broker")


@pytest.mark.parametrize("good", [True, False])
def test_given_a_client_certificate_when_loaded_then_its_file_was_private_and_is_gone(
    good: bool,
    secrets: Any,
    store: Callable[[Any], str],
    client: Party,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def watched(context: ssl.SSLContext, path: str, **options: Any) -> None:
        seen.append(stat.S_IMODE(Path(path).stat().st_mode))
        load(context, path, **options)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    key = client.key_pem() if good else issue("other").key_pem()
    arn = store({"certificate": client.pem, "privateKey": key})
    if good:
        kafka_security([(CLIENT, arn)], secrets)
    else:
        with pytest.raises(ConfigurationError, match="KEY_VALUES_MISMATCH"):
            kafka_security([(CLIENT, arn)], secrets)
    assert seen == [0o600]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "secret", "why"),
    [
        (SCRAM, f"user:{CANARY}", "not JSON"),
        (SCRAM, f'["{CANARY}"]', "not a JSON object"),
        (SCRAM, {"username": CANARY}, "its field password is missing"),
        (SCRAM, {"username": "", "password": CANARY}, "its field username is missing"),
        ("BASIC_AUTH", {"username": CANARY, "password": 5}, "its field password is missing or not a string"),
        (ROOT_CA, {"cert": CANARY}, "its field certificate is missing"),
        (ROOT_CA, {"certificate": CANARY}, "not a PEM chain"),
        (ROOT_CA, {"certificate": f"ü{CANARY}"}, "not a PEM chain"),
        (ROOT_CA, {"certificate": f"-----BEGIN CERTIFICATE-----\n{CANARY}\n"}, "not a PEM chain"),
        (ROOT_CA, {"certificate": ""}, "its field certificate is missing"),
        (CLIENT, {"certificate": CANARY}, "its field privateKey is missing"),
        (CLIENT, {"privateKey": CANARY}, "its field certificate is missing"),
        (CLIENT, {"certificate": CANARY, "privateKey": CANARY}, "privateKeyPassword is wrong"),
        (CLIENT, {"certificate": CANARY, "privateKey": "\ud800"}, "privateKeyPassword is wrong"),
        (
            CLIENT,
            {"certificate": CANARY, "privateKey": "x", "privateKeyPassword": 5},
            "privateKeyPassword is",
        ),
    ],
)
def test_given_an_unusable_secret_when_connecting_then_the_error_names_it_without_its_content(
    kind: str, secret: Any, why: str, secrets: Any, store: Callable[[Any], str]
) -> None:
    arn = store(secret)
    with pytest.raises(ConfigurationError) as caught:
        kafka_security([(kind, arn)], secrets)
    message = str(caught.value)
    assert message.startswith(f"SourceAccessConfigurations: {kind}: the secret {arn}: ")
    assert why in message
    assert CANARY not in message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("password", [None, "wrong", "x" * 2000])
def test_given_an_encrypted_key_when_the_password_is_wrong_or_missing_then_nobody_is_asked_for_it(
    password: str | None, secrets: Any, store: Callable[[Any], str], client: Party
) -> None:
    secret = {"certificate": client.pem, "privateKey": client.key_pem("right")}
    if password:
        secret["privateKeyPassword"] = password
    with pytest.raises(ConfigurationError, match="privateKeyPassword is wrong"):
        kafka_security([(CLIENT, store(secret))], secrets)


def test_given_a_missing_secret_when_connecting_then_the_error_names_it(secrets: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{SCRAM}: the secret gone: .*ResourceNotFoundException"):
        kafka_security([(SCRAM, "gone")], secrets)


def test_given_a_binary_secret_when_connecting_then_it_is_refused(secrets: Any) -> None:
    arn = secrets.create_secret(Name="binary", SecretBinary=b'{"username": "u"}')["ARN"]
    with pytest.raises(ConfigurationError, match="it is not JSON"):
        kafka_security([(SCRAM, arn)], secrets)


def test_given_an_endpoint_that_is_down_when_connecting_then_the_error_says_so() -> None:
    down = boto3.client(
        "secretsmanager",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ConfigurationError, match="EndpointConnectionError"):
        kafka_security([(SCRAM, "arn")], down)


@pytest.mark.parametrize(
    ("configurations", "plaintext", "why"),
    [
        ([(SCRAM, "a"), ("BASIC_AUTH", "b")], False, f"{SCRAM} and BASIC_AUTH: there can be one kind"),
        ([(SCRAM, "a"), (CLIENT, "b")], False, "there can be one kind"),
        ([(SCRAM, "a"), (SCRAM, "b")], False, f"{SCRAM} is there twice"),
        ([(ROOT_CA, "a"), (ROOT_CA, "b")], False, f"{ROOT_CA} is there twice"),
        ([("VIRTUAL_HOST", "/")], False, "VIRTUAL_HOST is not one for Kafka"),
        ([(CLIENT, "a")], True, f"{CLIENT} needs TLS"),
    ],
)
def test_given_a_contradiction_when_connecting_then_it_is_refused_before_any_secret_is_read(
    configurations: list[tuple[str, str]], plaintext: bool, why: str, secrets: Any
) -> None:
    with pytest.raises(ConfigurationError, match=why):
        kafka_security(configurations, secrets, plaintext=plaintext)


def test_given_iam_when_connecting_then_there_is_no_secret_and_it_goes_over_tls(secrets: Any) -> None:
    options = kafka_security([("IAM_AUTH", "")], secrets)
    assert options.pop("ssl_context").check_hostname
    assert options == {"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM"}
    with pytest.raises(ConfigurationError, match="IAM_AUTH needs TLS"):
        kafka_security([("IAM_AUTH", "")], secrets, plaintext=True)


def test_given_brokers_of_msk_that_speak_tls_alone_when_connecting_then_nothing_else_is_needed(
    secrets: Any,
) -> None:
    assert kafka_security([], secrets, tls=True)["security_protocol"] == "SSL"
    assert kafka_security([], secrets, tls=True, plaintext=True) == {}


def test_given_a_dummy_secret_when_it_cannot_be_read_then_the_switch_that_leaves_it_out_is_named(
    secrets: Any,
) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read \(.*--kafka-no-authentication"):
        kafka_security([(SCRAM, "localstack-dummy")], secrets)
