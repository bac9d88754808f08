"""A registry that lacks a schema or does not answer: what waits, what is given up, what is asked again."""

import functools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from kafka_esm.consumer.access import registry_access
from kafka_esm.errors import ConfigurationError
from kafka_esm.schemas import registry as module
from kafka_esm.schemas.config import SchemaRegistry
from kafka_esm.schemas.confluent import Credentials, Get, http, load
from kafka_esm.schemas.records import Refused, Schema, Waiting
from kafka_esm.schemas.registry import Missing, Registry, Trouble
from moto import mock_aws

from tests import certificates
from tests.schema_registry import NOT_FOUND, Answer, schema_registry
from tests.schema_registry import Registry as Fake

OPEN = Credentials(None, {})
STRING = {"schema": '"string"'}
PASSWORD = {"Authorization": "Basic dTpw"}


@pytest.fixture
def fake() -> Iterator[Fake]:
    with schema_registry() as found:
        yield found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits before it is asked again."""
    monkeypatch.setattr(module, "backoff_seconds", lambda *_: 0.0)
    monkeypatch.setattr(module, "_MISSING_SECONDS", 0.0)


def registry(fake: Fake) -> Registry:
    return Registry(functools.partial(load, get=asking(fake.url)))


def asking(url: str, credentials: Credentials = OPEN) -> Get:
    return http(SchemaRegistry(url, "JSON", ("VALUE",)), lambda: credentials)


def found(registry: Registry, schema_id: str, what: Callable[[Any], bool]) -> Any:
    """Look until what is found is so; pytest's time limit is the only one."""
    while not what(answer := registry.find(schema_id)):
        threading.Event().wait(0.002)
    return answer


def is_schema(answer: Any) -> bool:
    return isinstance(answer, Schema)


def test_given_a_schema_when_found_then_it_is_asked_for_once(fake: Fake) -> None:
    fake.register("t-value", STRING)
    schemas = registry(fake)
    assert schemas.find("1") == Waiting()
    first = found(schemas, "1", is_schema)
    assert schemas.find("1") is first
    assert fake.asked == ["/schemas/ids/1"]


def test_given_a_registry_that_is_down_when_it_is_back_then_the_schema_is_found(fake: Fake) -> None:
    fake.register("t-value", STRING)
    fake.down = Answer(503, {"error_code": 50003, "message": "secret"})
    schemas = registry(fake)
    answer = found(schemas, "1", lambda answer: answer != Waiting())
    assert answer == Waiting(f"the schema registry {fake.url} answers with status 503")
    fake.down = None
    found(schemas, "1", is_schema)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(401, {"error_code": 401}), r"refuses the credentials \(401\): see AccessConfigs"),
        (Answer(403, b"<html>"), r"refuses the credentials \(403\)"),
        # A path that is missing, as of Apicurio's /apis/ccompat/v7, must not give records up.
        (Answer(404, {"error_code": 404, "message": "HTTP 404 Not Found"}), "see SchemaRegistryURI"),
        (Answer(404, b"not found"), "see SchemaRegistryURI"),
        (Answer(200, b"<html>a console</html>"), "see SchemaRegistryURI"),
        (Answer(200, {"id": 1}), "see SchemaRegistryURI"),
        (Answer(302, b""), "answers with status 302"),
        (Answer(429, {}), "answers with status 429"),
        (Answer(500, {"error_code": 50001}), "answers with status 500"),
    ],
)
def test_given_an_answer_that_may_be_mended_when_asked_then_it_is_trouble(
    fake: Fake, answer: Answer, why: str
) -> None:
    fake.down = answer
    with pytest.raises(Trouble, match=why):
        load("1", asking(fake.url))


def test_given_nobody_at_the_address_when_asked_then_it_is_trouble(fake: Fake) -> None:
    with pytest.raises(Trouble, match=r"http://127.0.0.1:1 does not answer: NewConnectionError"):
        load("1", asking("http://127.0.0.1:1"))


@pytest.mark.parametrize("code", [40401, 40402, 40403])
def test_given_a_schema_that_is_not_there_when_asked_then_it_is_missing(fake: Fake, code: int) -> None:
    fake.down = Answer(404, {"error_code": code})
    with pytest.raises(Missing, match=r"does not have schemas/ids/1$"):
        load("1", asking(fake.url))


def test_given_a_replica_that_is_late_when_asked_again_then_the_schema_is_found(fake: Fake) -> None:
    fake.register("t-value", STRING)
    fake.faults = [NOT_FOUND, NOT_FOUND]
    first = found(registry(fake), "1", lambda answer: answer != Waiting())
    assert isinstance(first, Schema)
    assert len(fake.asked) == 3


def test_given_an_unknown_id_when_asked_three_times_then_it_is_refused_but_not_dropped(fake: Fake) -> None:
    schemas = registry(fake)
    refused = found(schemas, "9", lambda answer: isinstance(answer, Refused))
    assert refused == Refused(
        "SCHEMA_NOT_FOUND", f"the schema registry {fake.url} does not have schemas/ids/9", drops=False
    )
    assert len(fake.asked) >= 3
    for size in range(9):
        fake.register("t-value", {"schema": f'{{"type": "fixed", "name": "F", "size": {size + 1}}}'})
    found(schemas, "9", is_schema)


def test_given_a_schema_that_cannot_be_used_when_found_then_it_is_refused_but_not_dropped(fake: Fake) -> None:
    fake.register("t-value", {"schema": '{"type": "record"}'})
    refused = found(registry(fake), "1", lambda answer: isinstance(answer, Refused))
    assert (refused.condition, refused.drops) == ("DESERIALIZATION_ERROR", False)
    assert refused.why.startswith("schema 1: the Avro schema cannot be used: ")


def test_given_an_answer_that_makes_no_sense_when_found_then_no_record_is_given_up_for_it(fake: Fake) -> None:
    fake.register("t-value", STRING | {"references": [{"subject": "s"}]})
    answer = found(registry(fake), "1", lambda answer: answer != Waiting())
    assert answer == Waiting("schema 1 cannot be had: KeyError")


def test_given_an_address_that_redirects_when_asked_then_it_is_not_followed(fake: Fake) -> None:
    fake.down = Answer(307, b"")
    with pytest.raises(Trouble, match="answers with status 307"):
        load("1", asking(fake.url))
    assert len(fake.asked) == 1


def test_given_a_type_that_nobody_reads_when_found_then_it_is_named(fake: Fake) -> None:
    fake.register("t-value", {"schema": "", "schemaType": "THRIFT"})
    with pytest.raises(ValueError, match="its type THRIFT is not one of AVRO, PROTOBUF, JSON"):
        load("1", asking(fake.url))


def test_given_schemas_that_refer_to_each_other_when_loaded_then_it_ends(fake: Fake) -> None:
    mutual = [{"name": name, "subject": name, "version": 1} for name in ("a.json", "b.json")]
    for name, reference in zip(("a.json", "b.json"), reversed(mutual), strict=True):
        schema = json.dumps({"properties": {"next": {"$ref": reference["name"]}}})
        fake.register(name, {"schemaType": "JSON", "schema": schema, "references": [reference]})
    assert load("1", asking(fake.url)).to_json(b'{"next": {"next": {}}}')


def test_given_ids_without_end_when_found_then_the_oldest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_IDS", 3)

    def missing(path: str) -> Any:
        raise Missing(path)

    schemas = Registry(missing)
    for number in range(20):
        found(schemas, str(number), lambda answer: isinstance(answer, Refused))
    assert len(schemas._known) <= 4


def test_given_a_password_in_the_uri_when_asked_then_it_is_sent_and_not_said(fake: Fake) -> None:
    url = fake.url.replace("http://", "http://u:p@")
    with pytest.raises(Missing) as caught:
        load("1", asking(url))
    assert fake.authorization == ["Basic dTpw"]
    assert "u:p" not in str(caught.value)


def test_given_credentials_when_asked_then_they_are_sent(fake: Fake) -> None:
    fake.register("t-value", STRING)
    load("1", asking(fake.url, Credentials(None, PASSWORD)))
    assert fake.authorization == ["Basic dTpw"]


def test_given_a_secret_that_is_gone_when_asked_then_it_is_trouble(fake: Fake) -> None:
    def gone() -> Credentials:
        raise ConfigurationError("AccessConfigs: BASIC_AUTH: the secret s: it cannot be read (NotFound)")

    with pytest.raises(Trouble, match="the secret s"):
        load("1", http(SchemaRegistry(fake.url, "JSON", ()), gone))


@mock_aws
def test_given_a_private_authority_and_a_client_certificate_when_asked_then_both_sides_are_trusted(
    tmp_path: Path,
) -> None:
    authority = certificates.issue("authority")
    client = certificates.issue("client", authority)
    secrets = boto3.client("secretsmanager", region_name="us-east-1")
    access = []
    for kind, fields in (
        ("SERVER_ROOT_CA_CERTIFICATE", {"certificate": authority.pem}),
        ("CLIENT_CERTIFICATE_TLS_AUTH", {"certificate": client.pem, "privateKey": client.key_pem()}),
    ):
        made = secrets.create_secret(Name=kind, SecretString=json.dumps(fields))
        access.append((kind, made["ARN"]))
    tls = certificates.server(certificates.issue("localhost", authority), authority, tmp_path)
    with schema_registry(tls) as fake:
        fake.register("t-value", STRING)
        assert load("1", asking(fake.url, Credentials(*registry_access(access, secrets))))
        with pytest.raises(Trouble, match=r"\(CERTIFICATE_VERIFY_FAILED: name the registry's authority"):
            load("1", asking(fake.url))
        with pytest.raises(Trouble, match="CLIENT_CERTIFICATE_TLS_AUTH"):
            load("1", asking(fake.url, Credentials(*registry_access(access[:1], secrets))))


def test_given_a_registry_without_tls_when_asked_by_https_then_it_says_so(fake: Fake) -> None:
    with pytest.raises(Trouble, match="WRONG_VERSION_NUMBER: if the registry speaks plain HTTP"):
        load("1", asking(fake.url.replace("http:", "https:")))


@mock_aws
def test_given_access_configs_when_read_then_they_are_headers_and_tls() -> None:
    secrets = boto3.client("secretsmanager", region_name="us-east-1")
    made = secrets.create_secret(Name="r", SecretString=json.dumps({"username": "u", "password": "p"}))
    assert registry_access([("BASIC_AUTH", made["ARN"])], secrets) == (None, PASSWORD)
    with pytest.raises(ConfigurationError) as caught:
        registry_access([("SERVER_ROOT_CA_CERTIFICATE", made["ARN"])], secrets)
    assert str(caught.value) == (
        f"AccessConfigs: SERVER_ROOT_CA_CERTIFICATE: the secret {made['ARN']}: "
        "its field certificate is missing or not a string"
    )
    with pytest.raises(ConfigurationError, match=r"it cannot be read \(ResourceNotFoundException\)$"):
        registry_access([("BASIC_AUTH", "elsewhere")], secrets)
