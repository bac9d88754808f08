"""mesh reindex: the function is invoked until it is done, also after an interruption, and the index asked."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from mesh import paths
from mesh.clients import operator, tables
from mesh.commands import reindex
from mesh.commands.watching import status
from mesh.deployment import template_parameters
from mesh.errors import MeshError
from mesh.state import State
from rich.console import Console
from users.model import NewUser
from users.store import UserStore

from tests import sam
from tests.unit.fakes import DynamoFaults

VALUES = {"QdrantCollection": "users"}
DEFAULTS = {
    name: str(each["Default"]) for name, each in sam.template()["Parameters"].items() if "Default" in each
}


class Function:
    """The function: it publishes a tenant at a time, and each user is in the index at once."""

    def __init__(self, users: UserStore) -> None:
        self.users = users
        self.events: list[dict[str, Any]] = []
        self.indexed: dict[str, int] = {}
        self.fails_at: str | None = None

    def answers(self, _: State, function: str, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        assert function == "reindex"
        self.events.append(event)
        after = event.get("after", {}).get("tenant", "")
        tenants = [event["tenant"]] if "tenant" in event else sorted(self.users.tenants())
        left = [each for each in tenants if each >= after]
        for number, tenant in enumerate(left):
            if tenant == self.fails_at:
                raise MeshError("reindex failed")
            self.indexed[tenant] = tables.count(self.users, tenant)
            following = {"after": {"tenant": left[number + 1]}} if tenant != left[-1] else None
            yield {"published": self.indexed[tenant], "markersRemoved": 0, "next": following}

    def count(self, tenant: str) -> int:
        return self.indexed.get(tenant, 0)


@pytest.fixture
def users(aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch) -> UserStore:
    monkeypatch.setattr("users.store._registered", {})
    store = UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)
    monkeypatch.setattr(tables, "users", lambda _: store)
    return store


@pytest.fixture(autouse=True)
def function(users: UserStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Function:
    fake = Function(users)
    monkeypatch.setattr(operator, "answers", fake.answers)
    monkeypatch.setattr(reindex, "UserIndex", lambda *_: fake)
    monkeypatch.setattr(status, "consumer_lag", lambda _: 0)
    monkeypatch.setattr(paths, "REINDEX", tmp_path / "reindex.json")
    return fake


def create(users: UserStore, tenant: str, count: int) -> None:
    for number in range(count):
        users.create(tenant, NewUser(email=f"u{number}@x.dev", name="U"))


def run(tenant: str | None = None) -> str:
    console = Console(record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    reindex._run(State(qdrant_url="http://qdrant:6333"), VALUES, tenant, console)
    return console.export_text()


def test_given_users_of_several_tenants_when_reindexed_then_all_are_published_and_looked_for(
    users: UserStore, function: Function
) -> None:
    for tenant, count in (("tenant-a", 5), ("tenant-b", 1), ("tenant-c", 2)):
        create(users, tenant, count)
    assert "8 users of 3 tenants are in the index" in run()
    assert function.events == [{}]
    assert not paths.REINDEX.exists()


def test_given_one_tenant_when_reindexed_then_only_that_one_is_asked_for(
    users: UserStore, function: Function
) -> None:
    create(users, "tenant-a", 3)
    create(users, "tenant-b", 3)
    assert "3 users of 1 tenants" in run("tenant-a")
    assert function.events == [{"tenant": "tenant-a"}]


def test_given_a_tenant_that_is_not_in_the_table_when_reindexed_then_it_is_an_error(
    users: UserStore, function: Function
) -> None:
    create(users, "tenant-a", 1)
    with pytest.raises(MeshError, match=r"no tenant 'nope' in the table\. There are: tenant-a\."):
        run("nope")
    assert function.events == []


def test_given_a_failure_on_the_way_when_run_again_then_it_goes_on_with_what_failed(
    users: UserStore, function: Function
) -> None:
    for tenant in ("tenant-a", "tenant-b", "tenant-c"):
        create(users, tenant, 1)
    function.fails_at = "tenant-b"
    with pytest.raises(MeshError, match="reindex failed"):
        run()
    assert json.loads(paths.REINDEX.read_text()) == {"after": {"tenant": "tenant-b"}}

    function.fails_at = None
    assert "Going on with tenant-b" in run()

    assert function.events[-1]["after"]["tenant"] == "tenant-b"
    assert function.indexed == {"tenant-a": 1, "tenant-b": 1, "tenant-c": 1}
    assert not paths.REINDEX.exists()


def test_given_users_that_do_not_arrive_when_reindexed_then_their_tenant_is_named(
    users: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(users, "tenant-a", 1)
    monkeypatch.setattr(Function, "count", lambda *_: 0)
    monkeypatch.setattr(reindex, "_FETCHED_SECONDS", 0.0)
    with pytest.raises(MeshError, match="Users of tenant-a are not indexed"):
        run()


def test_given_a_poller_that_has_not_fetched_yet_when_reindexed_then_its_lag_of_0_is_not_believed(
    users: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(users, "tenant-a", 1)
    counts = iter([0, 0])
    monkeypatch.setattr(Function, "count", lambda *_: next(counts, 1))
    run()


@pytest.fixture
def deployments(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What a mesh on all defaults is deployed with, one after the other."""
    given = {"KafkaBootstrapServers": "kafka:9092", "EmbeddingBatchSize": "64"}
    made: list[dict[str, str]] = []
    monkeypatch.setattr(reindex, "load_running", State)
    monkeypatch.setattr(template_parameters, "given", lambda _: given)
    monkeypatch.setattr(template_parameters, "resolved", lambda values: {**DEFAULTS, **values})
    monkeypatch.setattr(reindex, "up", lambda _, parameters, progress: made.append(parameters))
    return made


def change(*, to: str, **parameters: str) -> str:
    console = Console(record=True, file=io.StringIO())
    reindex.into(to, parameters, console)
    return console.export_text()


def test_given_another_model_when_changed_to_then_it_is_filled_first_and_takes_over_with_its_group(
    deployments: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[tuple[str | None, int]] = []
    monkeypatch.setattr(
        reindex, "run", lambda _, tenant, console, into: filled.append((into, len(deployments)))
    )
    said = change(to="new", EmbeddingModel="model-b")
    assert filled == [("new", 1)]
    first, second = deployments
    index = {
        **{name: value for name, value in DEFAULTS.items() if name.startswith("Embedding")},
        "EmbeddingBatchSize": "64",
        "EmbeddingModel": "model-b",
        "QdrantCollection": "new",
        "ConsumerGroupId": "event-mesh.enrich.new",
    }
    assert first == {f"Next{name}": value for name, value in index.items()}
    assert second == {**index, **{name: DEFAULTS[name] for name in first}}
    assert "user_embeddings gets no more changes and erasures" in said


def test_given_users_that_do_not_arrive_when_changed_to_then_the_old_index_stays(
    deployments: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise MeshError("Users of tenant-a are not indexed")

    monkeypatch.setattr(reindex, "run", fails)
    with pytest.raises(MeshError, match="tenant-a"):
        change(to="new")
    assert [each["NextQdrantCollection"] for each in deployments] == ["new"]


@pytest.mark.parametrize(
    ("to", "parameters", "said"),
    [
        ("user_embeddings", {}, "user_embeddings is the collection that is searched"),
        ("new", {"Environment": "staging"}, "Environment: an index has other parameters, QdrantCollection, "),
    ],
)
def test_given_what_is_no_other_index_when_changed_to_then_nothing_is_deployed(
    deployments: list[dict[str, str]], to: str, parameters: dict[str, str], said: str
) -> None:
    with pytest.raises(MeshError, match=said):
        change(to=to, **parameters)
    assert deployments == []
