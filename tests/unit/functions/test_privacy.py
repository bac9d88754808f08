"""No log line, of any library, at INFO, says who a user is, what a token is, or what was searched for."""

import json
import logging
from typing import NamedTuple

import pytest
from mesh import paths

from tests.unit.conftest import ColdStart
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant

PRIVATE = (
    *("user-1", "Bearer", "alice@", "Alice", "machine learning", "Okafor", "who-bakes-bread", "Berlin"),
    *("bob@", "Bob", "Köln"),
)
BATCH = paths.ROOT / "tests" / "events" / "kafka" / "two_partitions.json"
FUNCTIONS = {path.parent.name for path in (paths.ROOT / "functions").glob("*/app.py")}
OPERATION = {"enrich", "reindex", "delete_tenant"}  # of no one tenant's request
TOKEN = "tenant-a:user-1"
ALICE = {"email": "alice@tenant-a.dev", "name": "Alice Chen", "profile": "moved to Berlin"}


class Lines(NamedTuple):
    printed: list[str]
    logged: list[str]


@pytest.fixture
def lines(
    aws: DynamoFaults,
    kafka: FakeKafka,
    qdrant: FakeQdrant,
    model: FakeModel,
    cold_start: ColdStart,
    caplog: pytest.LogCaptureFixture,
) -> Lines:
    """All that is printed or logged while users come, change and go, are refused, listed and found."""
    caplog.set_level(logging.INFO)
    create_user = cold_start("create_user")
    for body in (ALICE, ALICE, {**ALICE, "email": "alice@"}, {**ALICE, "Alice": "Alice"}):
        create_user.http("POST", "/users/create", token=TOKEN, json=body)
    kafka.fails_to = "acknowledge"
    create_user.http("POST", "/users/create", token=TOKEN, json={**ALICE, "email": "alice@x.dev"})
    printed = create_user.lines()
    list_users = cold_start("list_users")
    list_users.http("GET", "/users", token=TOKEN)
    found = list_users.http("GET", "/users", token=TOKEN, query={"email": "alice@x.dev"}).json["users"]
    list_users.http("GET", "/users", token=TOKEN, query={"email": "alice@"})
    path = f"/users/{found[0]['id']}"
    import_users = cold_start("import_users")
    bob = {"email": "bob@x.dev", "name": "Bob", "profile": "moved to Köln"}
    for entries in ([bob, ALICE, {**bob, "Bob": "Bob"}], [bob] * 101, bob):
        import_users.http("POST", "/users/import", token=TOKEN, json=entries)
    update_user = cold_start("update_user")
    for patch in ({"profile": "moved to Köln"}, {"email": "bob@x.dev"}, {"email": "bob@"}, {"Bob": "Bob"}):
        update_user.http("PATCH", path, route="/users/{id}", token=TOKEN, json=patch)
    get_user, delete_user = cold_start("get_user"), cold_start("delete_user")
    get_user.http("GET", path, route="/users/{id}", token=TOKEN)
    delete_user.http("DELETE", path, route="/users/{id}", token=TOKEN)
    for function in (import_users, update_user, get_user, delete_user):
        printed += function.lines()
    kafka.fails_to = None
    reindex = cold_start("reindex")
    reindex.invoke({"tenant": "tenant-a"})
    printed += reindex.lines()
    kafka.fails_to = "acknowledge"
    delete_tenant = cold_start("delete_tenant")
    for force in (False, True):
        delete_tenant.invoke({"tenant": "tenant-a", "force": force})
    printed += delete_tenant.lines()
    aws.down = True
    list_users.http("GET", "/users", token=TOKEN)
    printed += list_users.lines()
    enrich = cold_start("enrich")
    enrich.invoke(json.loads(BATCH.read_text(encoding="utf-8")))
    printed += enrich.lines()
    search = cold_start("search")
    search.http("GET", "/ai/users/search", token=TOKEN, query={"query": "who-bakes-bread"})
    qdrant.down = True
    search.http("GET", "/ai/users/search", token=TOKEN, query={"query": "who-bakes-bread"})
    return Lines(printed + search.lines(), caplog.text.splitlines())


def test_given_a_day_in_the_mesh_when_its_lines_are_read_then_nothing_private_is_in_them(
    lines: Lines,
) -> None:
    assert [line for line in lines.printed + lines.logged for word in PRIVATE if word in line] == []


def test_given_a_day_in_the_mesh_when_its_lines_are_read_then_each_is_json_and_says_whose_it_is(
    lines: Lines,
) -> None:
    read = [line for line in map(json.loads, lines.printed) if "_aws" not in line]
    assert {line["service"] for line in read} == FUNCTIONS - {"relay_events"}
    assert all(line["service"] == line["function_name"] for line in read)
    requests = [line for line in read if line["service"] not in OPERATION]
    assert all({"request_id", "tenant"} <= line.keys() for line in requests)
