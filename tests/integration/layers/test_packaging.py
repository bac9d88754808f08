"""Every function as `sam build` made it, in an interpreter that has only what Lambda's runtime has.

What a function forgot to package is found here. The events lead through the imports that wait for
their first use too: the Idempotency-Key, signed tokens, dead letters.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from mesh import paths, schedule
from mesh.commands import package
from mesh.deployment import build, built_function
from mesh.errors import MeshError
from users.events import user_created

from tests import sam
from tests.integration.layers.as_built import answers, http
from tests.kafka import delivered
from tests.otlp_sink import OtlpSink
from tests.people import ALICE
from tests.unit import gateway, issuer

TOKEN = "tenant-a:user-1"
SEARCH = {"query": "Alice"}


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


def test_a_user_is_imported_got_changed_and_deleted(runtime: Path, services: dict[str, str]) -> None:
    body = [{"email": "tim@x.dev", "name": "Tim"}]
    (imported,) = http(
        "import_users", runtime, gateway.request("POST", "/users/import", token=TOKEN, json=body), **services
    )
    path = f"/users/{imported.json['outcomes'][0]['user']['id']}"

    def of_user(method: str, **parts: Any) -> dict[str, Any]:
        return gateway.request(method, path, route="/users/{id}", token=TOKEN, **parts)

    (changed,) = http("update_user", runtime, of_user("PATCH", json={"name": "Tom"}), **services)
    (found,) = http("get_user", runtime, of_user("GET"), **services)
    (deleted,) = http("delete_user", runtime, of_user("DELETE"), **services)
    assert (changed.status, found.status, deleted.status) == (200, 200, 204)
    assert found.json == changed.json


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


def test_a_functions_spans_are_sent(runtime: Path) -> None:
    health = gateway.request("GET", "/health")
    with OtlpSink() as sink:
        http("list_users", runtime, health, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    assert [span.name for [span] in sink.traces.last(2)] == ["GET /health"]


def test_given_an_endpoint_when_a_function_starts_then_it_loads_the_sdk_of_traces_alone(
    runtime: Path,
) -> None:
    traced = {**sam.environment("list_users"), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    loaded = built_function.invoke("ListUsersFunction", runtime, [], traced)["files"]
    assert [file for file in loaded if "/opentelemetry/sdk/trace/" in file] != []
    assert [file for file in loaded if "/opentelemetry/sdk/metrics/" in file] == []


def test_relay_events_relays(runtime: Path, services: dict[str, str]) -> None:
    assert answers("relay_events", runtime, schedule.event(), **services) == [None]


@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("create_user", "POST", "/users/create"),
        ("import_users", "POST", "/users/import"),
        ("get_user", "GET", "/users/1"),
        ("update_user", "PATCH", "/users/1"),
        ("delete_user", "DELETE", "/users/1"),
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
        ada = {"email": "ada@x.dev", "name": "Ada"}
        body = {"POST": [ada] if function == "import_users" else ada, "PATCH": {}}.get(method)
        requests = [
            gateway.request(method, path, token=token, json=body, query=SEARCH)
            for token in (issuer.token(key=issuer.private_key("ES256", 2)), issuer.token())
        ]
        refused, admitted = http(function, runtime, *requests, **signed)
    refused.problem(401)
    admitted.problem(503)


@pytest.mark.parametrize("layer", ["TenantAuthLayer", "TracingLayer", "UsersLayer", "VectorsLayer"])
def test_a_layer_has_its_bytecode_whatever_the_times_of_its_sources(built: None, layer: str) -> None:
    """A zip changes those times, and Lambda's folders cannot be written to: each start would compile anew."""
    root = paths.BUILD / layer / "python"
    compiled = [path.read_bytes()[4:8] for path in root.rglob("*.pyc")]
    assert set(compiled) == {(1).to_bytes(4, "little")}  # by an unchecked hash: PEP 552
    assert len(compiled) > 0.95 * sum(1 for _ in root.rglob("*.py"))


def test_a_package_has_what_sam_build_made_and_nothing_else(built: None, tmp_path: Path) -> None:
    template = build.built_template()
    for name, entry in package.write(tmp_path, build.archives(template))["packages"].items():
        properties = template["Resources"][name]["Properties"]
        root = paths.BUILD / (properties.get("CodeUri") or properties["ContentUri"])
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        with ZipFile(tmp_path / entry["file"]) as zipped:
            assert sorted(zipped.namelist()) == sorted(files)
            assert all(zipped.read(member) == path.read_bytes() for member, path in files.items())


def test_a_layer_is_the_same_bytes_wherever_it_is_built(tmp_path: Path) -> None:
    """By another Python of that version, too: what each pip writes of itself is not in it."""
    made = []
    for place in ("here", "elsewhere/and/deeper"):
        folder = tmp_path / place
        python = folder / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run(
            ["make", "-s", "build-UsersLayer", f"ARTIFACTS_DIR={folder / 'layer'}", f"PYTHON={python}"],
            cwd=paths.ROOT / "layers" / "users",
            check=True,
        )
        files = [path for path in (folder / "layer").rglob("*") if path.is_file()]
        made.append({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
    one, other = made
    assert {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)} == set()


def test_a_package_that_is_missing_is_found(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter has nothing of the project's own environment, or the tests above would show nothing."""
    empty = tmp_path / "UsersLayer" / "python"
    empty.mkdir(parents=True)
    monkeypatch.setattr(
        built_function,
        "search_path",
        lambda *_: [str(paths.BUILD / "RelayEventsFunction"), str(empty), str(runtime)],
    )
    with pytest.raises(MeshError, match="No module named 'aws_lambda_powertools'"):
        built_function.invoke("RelayEventsFunction", runtime, [], {})
