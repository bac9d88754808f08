"""No log line, of any library, at INFO, says who a user is, what a token is, or what was searched for."""

import logging

import pytest

from tests.unit.conftest import ColdStart
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant
from tests.unit.functions.test_enrich import TWO_PARTITIONS

PRIVATE = ("user-1", "Bearer", "alice@", "Alice", "machine learning", "Okafor", "who-bakes-bread", "Berlin")
TOKEN = "tenant-a:user-1"
ALICE = {"email": "alice@tenant-a.dev", "name": "Alice Chen", "profile": "moved to Berlin"}


@pytest.fixture
def lines(
    aws: DynamoFaults,
    kafka: FakeKafka,
    qdrant: FakeQdrant,
    model: FakeModel,
    cold_start: ColdStart,
    caplog: pytest.LogCaptureFixture,
) -> list[str]:
    """Everything that is printed or logged while users are created, refused, listed, indexed and found."""
    caplog.set_level(logging.INFO)
    create_user = cold_start("create_user")
    for body in (ALICE, ALICE, {**ALICE, "email": "alice@"}, {**ALICE, "Alice": "Alice"}):
        create_user.http("POST", "/users/create", token=TOKEN, json=body)
    kafka.fails_to = "acknowledge"
    create_user.http("POST", "/users/create", token=TOKEN, json={**ALICE, "email": "alice@x.dev"})
    printed = create_user.lines()
    list_users = cold_start("list_users")
    list_users.http("GET", "/users", token=TOKEN)
    aws.down = True
    list_users.http("GET", "/users", token=TOKEN)
    printed += list_users.lines()
    enrich = cold_start("enrich")
    enrich.invoke(TWO_PARTITIONS)
    printed += enrich.lines()
    search = cold_start("search")
    search.http("GET", "/ai/users/search", token=TOKEN, query={"query": "who-bakes-bread"})
    qdrant.down = True
    search.http("GET", "/ai/users/search", token=TOKEN, query={"query": "who-bakes-bread"})
    return [*printed, *search.lines(), *caplog.text.splitlines()]


def test_given_a_day_in_the_mesh_when_its_lines_are_read_then_nothing_private_is_in_them(
    lines: list[str],
) -> None:
    assert len(lines) > 20
    assert [line for line in lines for word in PRIVATE if word in line] == []
