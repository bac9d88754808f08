"""Credentials that Kafka refuses, certificates that clients refuse: said clearly, and nothing is lost."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from mesh.clients.aws import client
from mesh.clients.http_api import TenantClient
from mesh.kafka import certificates
from mesh.kafka.certificates import Certificate
from mesh.process import wait_until

from tests.apache_kafka.conftest import access
from tests.e2e.mesh_command import Mesh
from tests.faults.harm import AWAIT_SECONDS, kill

pytestmark = pytest.mark.timeout(400)

_EVERY = 2  # seconds: after a failure create_user leaves Kafka alone for a while
PASSWORD, ROOT_CA = "KafkaSecretArn", "KafkaRootCaSecretArn"


@pytest.fixture
def tenant(mesh: Mesh) -> Iterator[TenantClient]:
    with mesh.client(f"tenant-{uuid4().hex[:12]}") as client:
        yield client


@contextmanager
def changed_secret(mesh: Mesh, parameter: str, **fields: str) -> Iterator[None]:
    """Have other fields in the secret that a parameter names."""
    state = mesh.state()
    secrets, arn = client("secretsmanager", state.aws_endpoint_url), state.kafka_secrets[parameter]
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({**json.loads(before), **fields}))
    try:
        yield
    finally:
        secrets.put_secret_value(SecretId=arn, SecretString=before)


@contextmanager
def other_certificate(mesh: Mesh, certificate: Certificate) -> Iterator[None]:
    """Have the broker show another certificate from its next start on, whose authority everybody knows."""
    keystore = mesh.home / "data" / "kafka" / "server.pem"
    before = keystore.read_text()
    keystore.write_text(certificate.key + certificate.server)
    try:
        with changed_secret(mesh, ROOT_CA, certificate=certificate.root_ca):
            yield
    finally:
        keystore.write_text(before)


def create(tenant: TenantClient) -> None:
    tenant.create(f"{uuid4().hex}@x.dev", "Ada", "waits")


@contextmanager
def restarted_broker(mesh: Mesh, tenant: TenantClient) -> Iterator[None]:
    """Have all connect anew: create_user by another client, for its own fails while the broker is away."""
    kill(mesh, "kafka")
    create(tenant)
    starting = mesh.start("up")
    try:
        assert wait_until(lambda: mesh.component("kafka")["state"] == "running", AWAIT_SECONDS, 0.5)
        yield
    finally:
        starting.terminate()  # it waits for a poller that may not be let in
        starting.communicate()


def said(mesh: Mesh, tenant: TenantClient, reason: str) -> bool:
    """Whether create_user names it as the reason why an event is left to the relay; it is asked once more."""
    create(tenant)
    lines = [line for line in mesh.run("logs", "create_user").splitlines() if tenant.tenant in line]
    # Metrics, which name the tenant too, are lines without a message.
    left = [each for each in map(json.loads, lines) if each.get("message") == "event left to the relay"]
    return any(reason in each["reason"] for each in left)


def assert_all_is_well_again(mesh: Mesh, tenant: TenantClient) -> None:
    with restarted_broker(mesh, tenant):
        assert wait_until(lambda: mesh.status()["state"] == "running", AWAIT_SECONDS, 0.5)
    assert wait_until(lambda: mesh.status()["outbox"]["size"] == 0, AWAIT_SECONDS)
    everybody = {user["id"] for user in tenant.users()}
    assert wait_until(
        lambda: {hit["userId"] for hit in tenant.search("waits", 50)} == everybody, AWAIT_SECONDS
    )


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (certificates.issue(["127.0.0.1"], timedelta(days=-1)), "certificate has expired"),
        (
            certificates.issue(["kafka.example"]),
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
    ],
    ids=["expired", "another host's"],
)
def test_a_certificate_that_is_not_valid_is_named_by_function_and_status(
    mesh: Mesh, tenant: TenantClient, certificate: Certificate, why: str
) -> None:
    with other_certificate(mesh, certificate), restarted_broker(mesh, tenant):
        refused = f"the broker's certificate is refused: {why}"
        assert wait_until(partial(said, mesh, tenant, refused), AWAIT_SECONDS, _EVERY)
        assert wait_until(lambda: why in mesh.run("status", code=1), AWAIT_SECONDS)
        assert why in mesh.run("dlq", "list", code=2)
    assert_all_is_well_again(mesh, tenant)


def test_a_wrong_password_is_named_by_function_and_status(mesh: Mesh, tenant: TenantClient) -> None:
    with changed_secret(mesh, PASSWORD, password="wrong"), restarted_broker(mesh, tenant):
        refused = "Kafka refuses the username or password of KafkaSecretArn"
        assert wait_until(partial(said, mesh, tenant, refused), AWAIT_SECONDS, _EVERY)
        shown = "Kafka refuses the credentials"
        assert wait_until(lambda: shown in mesh.run("status", code=1), AWAIT_SECONDS)
        assert refused in mesh.run("dlq", "list", code=2)
    assert_all_is_well_again(mesh, tenant)


@contextmanager
def changed_password(mesh: Mesh, password: str) -> Iterator[None]:
    """Have another password in Kafka and in the secret."""
    username = access(mesh).username

    def change(to: str) -> None:
        new = UserScramCredentialUpsertion(username, ScramMechanism.SCRAM_SHA_512, to)
        with closing(KafkaAdminClient(**mesh.kafka())) as admin:
            assert admin.alter_user_scram_credentials([new]) == {username: None}

    change(password)
    with changed_secret(mesh, PASSWORD, password=password):
        try:
            yield
        finally:
            change(access(mesh).password)


def test_a_password_that_is_changed_in_kafka_and_secret_takes_no_restart_of_anything(
    mesh: Mesh, tenant: TenantClient
) -> None:
    """What runs goes on with its connections; who connects anew reads the secret anew."""
    poller = mesh.component("poller")["pid"]
    with changed_password(mesh, "n3w"):
        tenant.create("ada@x.dev", "Ada", "goes on")
        assert wait_until(partial(tenant.finds, "goes on"), AWAIT_SECONDS)
        with restarted_broker(mesh, tenant):
            tenant.create("bob@x.dev", "Bob", "waits")
            assert wait_until(partial(tenant.finds, "waits"), AWAIT_SECONDS)
        assert mesh.component("poller")["pid"] == poller
    assert_all_is_well_again(mesh, tenant)
