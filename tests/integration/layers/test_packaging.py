"""Every function as `sam build` made it, in an interpreter that has only what Lambda's runtime has.

What a function forgot to package is found here. The events lead through the imports that wait for
their first use too: the Idempotency-Key, signed tokens, dead letters.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from mesh import build, packaged, paths, schedule
from mesh.aws import client
from mesh.errors import MeshError
from qdrant_client import QdrantClient
from users.events import user_created
from vectors.collection import ensure_collection
from vectors.settings import Settings as VectorsSettings

from tests import sam
from tests.kafka import delivered
from tests.people import ALICE
from tests.unit import gateway, issuer

TOKEN = "tenant-a:user-1"
LOGICAL_IDS = {
    name: next(
        key for key, value in sam.resources(sam.FUNCTION).items() if value["CodeUri"] == f"functions/{name}/"
    )
    for name in sam.functions()
}
SEARCH = {"query": "Alice"}


@pytest.fixture(scope="module")
def runtime(built: None) -> Iterator[Path]:
    with packaged.runtime() as folder:
        yield folder


@pytest.fixture(scope="module")
def services(aws: str, kafka: str, qdrant: str, built: None) -> dict[str, str]:
    """A table, topics and a collection as the template has them; returns what tells functions of them."""
    table = f"users-{uuid4().hex[:8]}"
    properties = build.built_template()["Resources"]["UsersTable"]["Properties"]
    client("dynamodb", aws).create_table(
        TableName=table, **{name: properties[name] for name in sam.TABLE_PROPERTIES}
    )
    variables = {
        "AWS_ENDPOINT_URL": aws,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "QDRANT_URL": qdrant,
        "QDRANT_COLLECTION": table,
        "TABLE_NAME": table,
        "TENANT_ROLE_ARN": "arn:aws:iam::000000000000:role/tenant",  # the account that has the table
        "USER_EVENTS_TOPIC": table,
        "DEAD_LETTER_TOPIC": f"{table}.dlq",
    }
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics(
        [NewTopic(variables[name], 1, 1) for name in ("USER_EVENTS_TOPIC", "DEAD_LETTER_TOPIC")]
    )
    admin.close()
    settings = VectorsSettings.model_validate({**sam.environment("search"), **variables})
    vectors = QdrantClient(url=qdrant, check_compatibility=False)
    ensure_collection(vectors, settings)
    vectors.close()
    return variables


def answers(function: str, runtime: Path, *events: dict[str, Any], **variables: str) -> list[Any]:
    """Return what a function answers; AssertionError if it raises, or loads what Lambda does not have."""
    environment = {name: variables.get(name, value) for name, value in sam.environment(function).items()}
    if "AWS_ENDPOINT_URL" in variables:
        environment["AWS_ENDPOINT_URL"] = variables["AWS_ENDPOINT_URL"]
    result = packaged.invoke(LOGICAL_IDS[function], runtime, events, environment)
    allowed = (*packaged.search_path(LOGICAL_IDS[function], runtime), sys.base_prefix)
    print(result["log"])  # noqa: T201 - for a failing test's report
    assert [file for file in result["files"] if not file.startswith(allowed)] == []
    assert [each for each in result["answers"] if "error" in each] == []
    return [each["answer"] for each in result["answers"]]


def http(function: str, runtime: Path, *events: dict[str, Any], **variables: str) -> list[gateway.Answer]:
    return [gateway.answer(each) for each in answers(function, runtime, *events, **variables)]


def test_create_user_creates_and_remembers_its_idempotency_key(
    runtime: Path, services: dict[str, str]
) -> None:
    new = {"email": "ada@x.dev", "name": "Ada"}
    create = gateway.request(
        "POST", "/users/create", token=TOKEN, json=new, headers={"Idempotency-Key": "one"}
    )
    first, again = http("create_user", runtime, create, create, **services)
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json


def test_list_users_lists(runtime: Path, services: dict[str, str]) -> None:
    health, page = http(
        "list_users",
        runtime,
        gateway.request("GET", "/health"),
        gateway.request("GET", "/users", token="tenant-b:user-1"),
        **services,
    )
    assert (health.status, page.status) == (200, 200)
    assert page.json == {"users": [], "nextCursor": None}


def test_enrich_indexes_a_user_that_search_finds_and_sends_poison_away(
    runtime: Path, services: dict[str, str]
) -> None:
    good = user_created(ALICE)
    answers("enrich", runtime, delivered(good, good._replace(value=b"{")), **services)
    find = gateway.request("GET", "/ai/users/search", token=TOKEN, query=SEARCH)
    (found,) = http("search", runtime, find, **services)
    assert [hit["userId"] for hit in found.json["results"]] == [ALICE.id]


def test_relay_events_relays(runtime: Path, services: dict[str, str]) -> None:
    assert answers("relay_events", runtime, schedule.event(), **services) == [None]


@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("create_user", "POST", "/users/create"),
        ("list_users", "GET", "/users"),
        ("search", "GET", "/ai/users/search"),
    ],
)
def test_signed_tokens_are_verified(runtime: Path, function: str, method: str, path: str) -> None:
    """Nothing but the issuer is there: who is let in learns that the rest is down."""
    with issuer.endpoint() as keys:
        keys.publish(issuer.jwk(issuer.private_key("ES256")))
        signed = {
            "ENVIRONMENT": "staging",  # production wants an issuer with TLS
            "AUTH_MODE": "jwt",
            "JWT_JWKS_URL": keys.url,
            "JWT_ISSUER": issuer.ISSUER,
            "JWT_AUDIENCE": issuer.AUDIENCE,
            "QDRANT_URL": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }
        body = {"email": "ada@x.dev", "name": "Ada"} if method == "POST" else None
        requests = [
            gateway.request(method, path, token=token, json=body, query=SEARCH)
            for token in (issuer.token(key=issuer.private_key("ES256", 2)), issuer.token())
        ]
        refused, admitted = http(function, runtime, *requests, **signed)
    refused.problem(401)
    admitted.problem(503)


@pytest.mark.parametrize("layer", ["TenantAuthLayer", "UsersLayer", "VectorsLayer"])
def test_a_layer_has_its_bytecode_whatever_the_times_of_its_sources(built: None, layer: str) -> None:
    """A zip changes those times, and Lambda's folders cannot be written to: each start would compile anew."""
    root = paths.BUILD / layer / "python"
    compiled = [path.read_bytes()[4:8] for path in root.rglob("*.pyc")]
    assert set(compiled) == {(1).to_bytes(4, "little")}  # by an unchecked hash: PEP 552
    assert len(compiled) > 0.95 * sum(1 for _ in root.rglob("*.py"))


def test_a_package_that_is_missing_is_found(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter has nothing of the project's own environment, or the tests above would show nothing."""
    empty = tmp_path / "UsersLayer" / "python"
    empty.mkdir(parents=True)
    monkeypatch.setattr(
        packaged,
        "search_path",
        lambda *_: [str(paths.BUILD / "RelayEventsFunction"), str(empty), str(runtime)],
    )
    with pytest.raises(MeshError, match="No module named 'aws_lambda_powertools'"):
        packaged.invoke("RelayEventsFunction", runtime, [], {})
