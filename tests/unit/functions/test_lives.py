"""Users come, change and go by the real handlers, and whatever is delivered when, it ends with one truth.

What was answered is listed, is what `GET` answers, and is found; nobody is back. Many more orders of
delivery, with Qdrant's own engine: tests/integration/layers/test_order_of_events.py.
"""

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from users.events import Record

from tests.kafka import delivered
from tests.unit import gateway
from tests.unit.conftest import ColdStart
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant
from tests.unit.functions.test_interleavings import World

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")

FUNCTIONS = (
    *("create_user", "import_users", "update_user", "delete_user", "get_user", "list_users", "search"),
    *("enrich", "reindex", "delete_tenant"),
)
TENANTS = ("heron-inc", "raven-inc")
BY_ID = "/users/{id}"

tenants = st.sampled_from(TENANTS)
emails = st.sampled_from([f"{name}@x.dev" for name in ("ann", "ben", "kim", "lea")])
places = st.integers(0, 9)


class Lives(RuleBasedStateMachine):
    """What the handlers have answered, of two tenants whose users have the same addresses."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.truth: dict[str, dict[int, dict[str, Any]]] = {tenant: {} for tenant in TENANTS}
        self.texts = 0
        world.empty()

    def http(self, function: str, tenant: str, method: str, path: str, **parts: Any) -> gateway.Answer:
        event = gateway.request(method, path, token=f"{tenant}:user-1", **parts)
        return gateway.answer(self.world.invoke(function, event))

    def new(self, email: str) -> dict[str, str]:
        self.texts += 1
        return {"email": email, "name": "Ann", "profile": f"keeps bees {self.texts}"}

    @rule(tenant=tenants, email=emails)
    def create(self, tenant: str, email: str) -> None:
        taken = email in {user["email"] for user in self.truth[tenant].values()}
        answer = self.http("create_user", tenant, "POST", "/users/create", json=self.new(email))
        assert answer.status == (409 if taken else 201)
        if not taken:
            self.truth[tenant][answer.json["id"]] = answer.json

    @rule(tenant=tenants, some=st.lists(emails, min_size=1, max_size=3))
    def bring(self, tenant: str, some: list[str]) -> None:
        answer = self.http("import_users", tenant, "POST", "/users/import", json=[*map(self.new, some)])
        users = [outcome["user"] for outcome in answer.json["outcomes"] if outcome["status"] == "created"]
        self.truth[tenant] |= {user["id"]: user for user in users}

    @rule(tenant=tenants, place=places, email=st.none() | emails)
    def update(self, tenant: str, place: int, email: str | None) -> None:
        for user_id in self.one(tenant, place):
            patch = self.new(email) if email else {"profile": self.new("")["profile"]}
            answer = self.http("update_user", tenant, "PATCH", f"/users/{user_id}", route=BY_ID, json=patch)
            if answer.status != 409:
                assert answer.status == 200
                self.truth[tenant][user_id] = answer.json

    @rule(tenant=tenants, place=places)
    def delete(self, tenant: str, place: int) -> None:
        for user_id in self.one(tenant, place):
            answer = self.http("delete_user", tenant, "DELETE", f"/users/{user_id}", route=BY_ID)
            assert answer.status == 204
            del self.truth[tenant][user_id]

    def one(self, tenant: str, place: int) -> list[int]:
        """Return one of the tenant's users, if there is any."""
        users = sorted(self.truth[tenant])
        return [users[place % len(users)]] if users else []

    @rule(tenant=tenants)
    def leave(self, tenant: str) -> None:
        """Delete the tenant, at once: what the topic has of it is read, and none of it is read again."""
        event: Any = {"tenant": tenant, "force": True}
        while event:
            event = self.world.invoke("delete_tenant", event)["next"]
        self.deliver(self.world.sent("user.events"))
        self.world.kafka.records[:] = [
            sent
            for sent in self.world.kafka.records
            if not (sent.key or b"").startswith(f"{tenant}:".encode())
        ]
        self.world.forget_tenants()
        self.truth[tenant] = {}

    @rule()
    def reindex(self) -> None:
        event: Any = {}
        while event is not None:
            event = self.world.invoke("reindex", event)["next"]

    @rule(data=st.data())
    def deliver_some(self, data: st.DataObject) -> None:
        """Deliver events in any order, some not yet and some again."""
        if sent := self.world.sent("user.events"):
            self.deliver(data.draw(st.lists(st.sampled_from(sent), max_size=6)))

    def deliver(self, records: list[Record]) -> None:
        if records:
            self.world.invoke("enrich", delivered(*records))

    def teardown(self) -> None:
        """Once all has come, the newest first, and what enrich has repeated: all that can be asked agrees."""
        sent = self.world.sent("user.events")
        for record in reversed(sent):
            self.deliver([record])
        self.deliver(self.world.sent("user.events")[len(sent) :])
        for tenant, users in self.truth.items():
            page = self.http("list_users", tenant, "GET", "/users", query={"limit": "100"}).json
            assert page["users"] == [users[user_id] for user_id in sorted(users)]
            for user_id, user in users.items():
                got = self.http("get_user", tenant, "GET", f"/users/{user_id}", route=BY_ID)
                assert got.json == user
            assert self.found(tenant) == {
                user_id: (user["email"], user["name"], user["profile"]) for user_id, user in users.items()
            }

    def found(self, tenant: str) -> dict[int, tuple[str, str, str]]:
        query = {"query": "keeps bees", "limit": "50"}
        answer = self.http("search", tenant, "GET", "/ai/users/search", query=query)
        if answer.status == 503 and not self.world.sent("user.events"):
            return {}  # there is no collection before the first event
        hits = answer.json["results"]
        return {hit["userId"]: (hit["email"], hit["name"], hit["profile"]) for hit in hits}


@pytest.fixture
def world(
    aws: DynamoFaults, kafka: FakeKafka, qdrant: FakeQdrant, model: FakeModel, cold_start: ColdStart
) -> World:
    world = World(cold_start, kafka, qdrant, FUNCTIONS)
    world.environments["reindex"].function.module.longest_life = lambda: None  # any event may come again
    return world


def live(world: World, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Lives(world),
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            phases=[Phase.generate],  # to simplify what is found would take minutes
            report_multiple_bugs=False,
            database=None,
        ),
    )


@pytest.mark.no_cover  # random examples repeat what others cover
def test_given_any_lives_when_delivered_in_any_order_then_list_get_and_search_are_what_was_answered(
    world: World,
) -> None:
    live(world, 12)


@pytest.mark.no_cover
def test_given_an_index_that_takes_any_version_then_a_life_is_found_that_ends_otherwise(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above would find it: the comparison of versions is taken out, in enrich and in Qdrant."""
    enrich = world.environments["enrich"]
    monkeypatch.setattr(enrich["users.consumer.order"], "news", lambda batch, known: list(batch))
    monkeypatch.setattr(enrich["vectors.index"], "_older_than", lambda changes: None)
    with pytest.raises(AssertionError):
        live(world, 50)
