"""Whatever tenants do, in whatever order, and whatever fails meanwhile: none of them meets another's data."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import boto3
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from users.events import Record, user_created

from tests import sam
from tests.kafka import delivered
from tests.people import somebody
from tests.unit import gateway
from tests.unit.conftest import LAYERS, ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")  # Powertools, when a batch raises

FUNCTIONS = ("create_user", "list_users", "search", "enrich", "relay_events")
FORGED = "cuckoo"  # a word of forged events: nobody is ever to be answered with it
TENANTS = ("heron-inc", "raven-inc", "heron-inc-2")  # one is the start of another


class Environment:
    """A function's execution environment: kept while the others run, each with layers of its own."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self._variables = sam.environment(function.name)
        self._layers = self._imported()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have its modules and variables be those of the process, and no other's."""
        with pytest.MonkeyPatch.context() as patch:
            for name in self._imported():
                del sys.modules[name]
            sys.modules.update(self._layers)
            for name in set(os.environ) & ALL_VARIABLES:
                patch.delenv(name)
            for name, value in self._variables.items():
                patch.setenv(name, value)
            yield
            self._layers = self._imported()  # some are imported at the first use

    @staticmethod
    def _imported() -> dict[str, Any]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in LAYERS}

    def __contains__(self, name: str) -> bool:
        return name in self._layers

    def __getitem__(self, name: str) -> Any:
        return self._layers[name]


ALL_VARIABLES = {variable for name in sam.functions() for variable in sam.environment(name)}


class World:
    """The functions and what they talk to, emptied for every example: to start them takes a second."""

    def __init__(
        self, start: ColdStart, kafka: FakeKafka, qdrant: FakeQdrant, functions: Sequence[str]
    ) -> None:
        self.kafka = kafka
        self.qdrant = qdrant
        self.id_for: Callable[[str], int] = lambda tenant: 1
        self.environments = {name: Environment(start(name)) for name in functions}
        for environment in self.with_module("users.outbox"):
            environment["users.outbox"]._IN_FLIGHT = timedelta(0)
            environment["users.table"].OUTBOX_SHARDS = 1  # moto looks at every item for every shard
        for environment in self.with_module("users.publisher"):
            environment["users.publisher"].breaker().reset_timeout = 0

    def with_module(self, name: str) -> list[Environment]:
        """Return the environments of functions that import a module."""
        return [each for each in self.environments.values() if name in each]

    def choose_ids(self) -> None:
        """Have each user whom create_user creates get the id that `id_for` chooses for its tenant."""
        create_user = self.environments["create_user"]
        new_users = create_user["users.store"].new_users
        create_user["users.store"].new_users = lambda tenant, news: [
            user.model_copy(update={"id": self.id_for(tenant)}) for user in new_users(tenant, news)
        ]

    def empty(self) -> None:
        """Forget every user, event and point, and repair what is down."""
        dynamodb = boto3.client("dynamodb")
        for item in dynamodb.scan(TableName=sam.TABLE_NAME)["Items"]:
            dynamodb.delete_item(TableName=sam.TABLE_NAME, Key={"pk": item["pk"], "sk": item["sk"]})
        self.forget_tenants()
        for environment in self.with_module("users.publisher"):
            environment["users.publisher"].breaker().close()
        for environment in self.with_module("tenant_auth.rate_limit"):
            environment["tenant_auth.rate_limit"].rate_limiter.cache_clear()
        self.kafka.fails_to, self.qdrant.down = None, False
        self.kafka.records.clear()
        self.qdrant.lose_data()
        for environment in self.with_module("vectors.index"):
            environment["vectors.index"].user_index.cache_clear()

    def forget_tenants(self) -> None:
        """Have no environment take a tenant to be in the table."""
        for environment in self.with_module("users.store"):
            environment["users.store"]._registered.clear()

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        environment = self.environments[name]
        with environment.running():
            return environment.function.invoke(event)

    def sent(self, topic: str) -> list[Record]:
        """Return what Kafka has acknowledged."""
        return [
            Record(sent.key, sent.value, sent.headers) for sent in self.kafka.records if sent.topic == topic
        ]


class Cursor(NamedTuple):
    """A cursor, and what it stands for."""

    tenant: str
    text: str
    after: int


class Forgery(NamedTuple):
    """The tenants that an event names in its three places; they differ."""

    key: str
    header: str
    value: str
    user_id: int

    def record(self) -> Record:
        user = somebody(self.value, self.user_id, email=f"{FORGED}@x.dev", name=FORGED, profile=FORGED)
        _, value, headers = user_created(user)
        named = {**dict(headers), "ce_tenantid": self.header.encode()}
        return Record(f"{self.key}:{self.user_id}".encode(), value, list(named.items()))


tenants = st.sampled_from(TENANTS)
limits = st.integers(1, 2)
emails = st.sampled_from(["ANN@x.dev", "eve@x.dev", "joe@x.dev", "kim@x.dev", "lea@x.dev"])
names = st.sampled_from(["Ann", "Ben"])
keys = st.none() | st.sampled_from(["key-0", "key-1", "key-2"])
forgeries = st.builds(Forgery, tenants, tenants, tenants, st.integers(1, 3)).filter(
    lambda forgery: len(set(forgery[:3])) > 1
)


def mark(tenant: str) -> str:
    """Return the word that is in this tenant's texts and in no other's."""
    return f"mark{TENANTS.index(tenant)}"


def profile(tenant: str, *, own: bool) -> str:
    return f"keeps {mark(tenant)}" if own else "keeps bees"


class Interleavings(RuleBasedStateMachine):
    """Tenants that use the same addresses, names, texts, ids and keys, and the little each may see."""

    cursors = Bundle("cursors")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.users: dict[str, list[dict[str, Any]]] = {tenant: [] for tenant in TENANTS}
        self.searchable: dict[str, set[int]] = {tenant: set() for tenant in TENANTS}
        self.answered: dict[tuple[str, str], tuple[Any, Any]] = {}  # by Idempotency-Key: the body, the user
        world.id_for = lambda tenant: len(self.users[tenant]) + 1  # every tenant's first user has the same id
        world.empty()

    def http(self, function: str, tenant: str, method: str, path: str, **parts: Any) -> gateway.Answer:
        """Send a tenant's request; its answer has nothing that is another's."""
        event = gateway.request(method, path, token=f"{tenant}:user-1", **parts)
        answer = gateway.answer(self.world.invoke(function, event))
        body = answer.json
        if answer.status >= 400:
            answer.problem(answer.status)
        echoed = body.pop("query", None)
        assert echoed in (None, parts.get("query", {}).get("query"))
        told = set(_strings([answer.headers, body]))
        foreign = {name for other in TENANTS if other != tenant for name in (other, mark(other))}
        assert not [text for text in told for name in foreign if _names(text, name)]
        assert not [text for text in told if FORGED in text]
        return answer

    @initialize()
    def begin(self) -> None:
        """Give every tenant enough for a cursor."""
        for tenant in TENANTS:
            self.create(tenant, "ann@x.dev", "Ann", True, None)
            self.create(tenant, "ben@x.dev", "Ben", False, "key-0")

    @rule(tenant=tenants, email=emails, name=names, own=st.booleans(), key=keys)
    def create(self, tenant: str, email: str, name: str, own: bool, key: str | None) -> None:
        body = {"email": email, "name": name, "profile": profile(tenant, own=own)}
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.http("create_user", tenant, "POST", "/users/create", json=body, headers=headers)
        if key and (tenant, key) in self.answered:
            before, user = self.answered[tenant, key]
            assert answer.status == (201 if body == before else 422)
            assert answer.status == 422 or answer.json == user
        elif email.lower() in {user["email"].lower() for user in self.users[tenant]}:
            assert answer.status == 409
        else:
            assert answer.status == 201
            user = answer.json
            assert {**user, **body, "tenantId": tenant, "id": len(self.users[tenant]) + 1} == user
            self.users[tenant].append(user)
            if key:
                self.answered[tenant, key] = (body, user)

    @rule(target=cursors, tenant=tenants, limit=limits)
    def first_page(self, tenant: str, limit: int) -> Any:
        return self.page(tenant, limit, None)

    @rule(target=cursors, tenant=tenants, limit=limits, cursor=cursors)
    def next_page(self, tenant: str, limit: int, cursor: Cursor) -> Any:
        """Go on from a cursor, the tenant's own or a stolen one."""
        return self.page(tenant, limit, cursor)

    def page(self, tenant: str, limit: int, cursor: Cursor | None) -> Any:
        query = {"limit": str(limit), **({"cursor": cursor.text} if cursor else {})}
        answer = self.http("list_users", tenant, "GET", "/users", query=query)
        if cursor and cursor.tenant != tenant:
            assert answer.status == 400
            return multiple()
        rest = [user for user in self.users[tenant] if cursor is None or user["id"] > cursor.after]
        assert answer.json["users"] == rest[:limit]
        following = answer.json["nextCursor"]
        assert (following is None) == (len(rest) <= limit)
        return Cursor(tenant, following, rest[limit - 1]["id"]) if following else multiple()

    @rule(tenant=tenants, of=tenants, own=st.booleans())
    def search(self, tenant: str, of: str, own: bool) -> None:
        """Search, be it for the very text of another tenant."""
        query = {"query": profile(of, own=own), "limit": "50"}
        answer = self.http("search", tenant, "GET", "/ai/users/search", query=query)
        if self.world.qdrant.down:
            assert answer.status == 503
            return
        assert answer.json["tenantId"] == tenant
        found = sorted(answer.json["results"], key=lambda hit: hit["userId"])
        wanted = [user for user in self.users[tenant] if user["id"] in self.searchable[tenant]]
        assert [hit["userId"] for hit in found] == [user["id"] for user in wanted]
        for hit, user in zip(found, wanted, strict=True):
            assert hit == {**hit, **{name: user[name] for name in ("email", "name", "profile")}}

    @rule(data=st.data(), forged=st.lists(forgeries, max_size=2))
    def deliver(self, data: st.DataObject, forged: list[Forgery]) -> None:
        """Deliver events in any order, some not at all and some again, and forged ones among them."""
        sent = self.world.sent("user.events")
        genuine = data.draw(st.lists(st.sampled_from(sent), max_size=6)) if sent else []
        batch = data.draw(st.permutations([*genuine, *(each.record() for each in forged)]))
        self.enrich(batch, genuine, poison=len(forged))

    def enrich(self, batch: Sequence[Record], genuine: Sequence[Record], poison: int = 0) -> None:
        letters = len(self.world.sent("user.events.dlq"))
        try:
            self.world.invoke("enrich", delivered(*batch))
        except Exception as error:
            cause = type(error).__name__
            assert cause == "UnavailableError", cause
            assert (genuine and self.world.qdrant.down) or (poison and self.world.kafka.fails_to)
        else:
            reasons = [dict(record.headers)["dlq-reason"] for record in self.world.sent("user.events.dlq")]
            assert reasons[letters:] == [b"tenant-mismatch"] * poison
        if not self.world.qdrant.down:
            for record in genuine:
                event = json.loads(record.value or b"")
                self.searchable[event["tenantId"]].add(event["id"])

    @rule()
    def relay(self) -> None:
        self.world.invoke("relay_events", {})

    @rule(kafka=st.sampled_from([None, None, None, "connect", "send", "acknowledge"]), qdrant=st.booleans())
    def weather(self, kafka: Any, qdrant: bool) -> None:
        self.world.kafka.fails_to, self.world.qdrant.down = kafka, qdrant

    def teardown(self) -> None:
        """Once all is up and everything has run, each tenant's users are listed and found, once each."""
        self.world.kafka.fails_to, self.world.qdrant.down = None, False
        self.relay()
        sent = self.world.sent("user.events")
        self.enrich(sent, sent)
        for tenant, users in self.users.items():
            assert self.searchable[tenant] == {user["id"] for user in users}
            self.search(tenant, tenant, own=True)
            self.page(tenant, 50, None)


def _strings(value: Any) -> Iterator[str]:
    """Yield every text in an answer."""
    match value:
        case dict():
            for name, part in value.items():
                yield from (name, *_strings(part))
        case list():
            for part in value:
                yield from _strings(part)
        case _:
            yield str(value)


def _names(text: str, name: str) -> bool:
    """Return whether a text has a name as a whole: heron-inc is not in heron-inc-2."""
    return name in text.replace(f"{name}-", "")


@pytest.fixture
def world(
    aws: DynamoFaults, kafka: FakeKafka, qdrant: FakeQdrant, model: FakeModel, cold_start: ColdStart
) -> World:
    world = World(cold_start, kafka, qdrant, FUNCTIONS)
    world.choose_ids()
    return world


@pytest.mark.no_cover  # random examples repeat what others cover
@pytest.mark.timeout(600)  # Hypothesis takes up to 5 minutes to simplify what it finds
def test_given_any_interleaving_of_tenants_then_none_meets_anothers_data(world: World) -> None:
    run_state_machine_as_test(
        lambda: Interleavings(world), settings=settings(max_examples=18, stateful_step_count=30)
    )
