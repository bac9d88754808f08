"""Users come, change and go in the real store, and their events reach the real handler in any order.

The store is on moto's DynamoDB, the index is the REST server over Qdrant's own engine. The order in which
records are delivered is the order in which they are in the topic.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import boto3
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from users.events import Record, user_created
from users.model import NewUser, User, UserPatch
from users.store import UserStore
from vectors.ranking import Search

from tests import sam
from tests.kafka import delivered
from tests.unit.conftest import ColdStart, Function, aws, cold_start, fresh_layers, kafka, moto
from tests.unit.fakes import FakeKafka, bag_of_words

__all__ = ["aws", "cold_start", "fresh_layers", "kafka", "moto"]

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")  # Powertools, when a batch raises

ANYBODY = bag_of_words("chef").tolist()
SEARCH = Search("chef", "meaning")
_numbers = count()


@pytest.fixture
def enrich(
    aws: Any, kafka: Any, qdrant: str, cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch
) -> Function:
    function = cold_start("enrich")
    monkeypatch.setenv("QDRANT_URL", qdrant)
    monkeypatch.setenv("QDRANT_COLLECTION", f"order-{next(_numbers)}")
    monkeypatch.setattr("vectors.embedding.local.open_model", lambda: None)
    monkeypatch.setattr(
        "vectors.embedding.local.embed", lambda texts: [bag_of_words(text).tolist() for text in texts]
    )
    return function


class Step(NamedTuple):
    """What happens next: to which of the tenant's users, if there is one."""

    what: str
    tenant: int
    which: int


steps = st.builds(
    Step,
    st.sampled_from(["create", "update", "update", "delete", "reindex"]),
    st.integers(0, 1),
    st.integers(0, 2),
)


@dataclass
class World:
    """Two tenants that nobody had before, their table, and what was published of them."""

    enrich: Function
    kafka: FakeKafka
    store: UserStore = field(
        default_factory=lambda: UserStore(boto3.client("dynamodb", region_name="us-east-1"), sam.TABLE_NAME)
    )
    tenants: list[str] = field(default_factory=lambda: [f"tenant-{next(_numbers)}" for _ in range(2)])
    events: list[Record] = field(default_factory=list)
    topic: list[Record] = field(default_factory=list)
    gone: set[bytes] = field(default_factory=set)

    def empty(self) -> None:
        """Forget what other worlds have stored: moto copies the whole table for every transaction."""
        table = boto3.resource("dynamodb", region_name="us-east-1").Table(sam.TABLE_NAME)
        with table.batch_writer() as batch:
            for item in table.scan()["Items"]:
                batch.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})

    def users(self, tenant: str) -> list[User]:
        return self.store.page(tenant, 100).users

    def take(self, step: Step) -> None:
        tenant = self.tenants[step.tenant]
        users = self.users(tenant)
        if step.what == "create":
            new = NewUser(email=f"u{next(_numbers)}@x.dev", name="Ann", profile="chef")
            self._publish(self.store.create(tenant, new).event)
        elif step.what == "reindex":
            self.events += [user_created(user) for user in users]
        elif users and step.what == "update":
            patch = UserPatch(profile=f"chef of {next(_numbers)}")
            self._publish(self.store.update(tenant, users[step.which % len(users)].id, patch).event)
        elif users:
            event = self.store.delete(tenant, users[step.which % len(users)].id)
            self.gone.add(event.record.key or b"")
            self._publish(event)

    def _publish(self, event: Any) -> None:
        self.events.append(event.record)

    def deliver(self, records: list[Record], size: int) -> None:
        """Deliver records in batches, and then what enrich has published meanwhile."""
        self.kafka.records.clear()
        self.topic += records
        for start in range(0, len(records), size):
            self.enrich.invoke(delivered(*records[start : start + size]))
        again = [Record(sent.key, sent.value, sent.headers) for sent in self.kafka.records]
        assert {sent.topic for sent in self.kafka.records} <= {"user.events"}
        if again:
            self.deliver(again, size)
            assert not self.kafka.records  # what is repeated is not repeated for ever

    def stored(self) -> dict[str, set[tuple[Any, ...]]]:
        return {
            tenant: {(user.id, user.email, user.name, user.profile) for user in self.users(tenant)}
            for tenant in self.tenants
        }

    def found(self) -> dict[str, set[tuple[Any, ...]]]:
        index = self.enrich.module.user_index()
        return {
            tenant: {hit[:4] for hit in index.search(tenant, SEARCH, ANYBODY, 50).hits}
            for tenant in self.tenants
        }

    def last(self) -> Iterator[bytes]:
        """Yield the type of the last event in the topic of everybody who is gone."""
        of_key = {record.key: dict(record.headers)["ce_type"] for record in self.topic}
        return (of_key[key] for key in self.gone)


def lived(world: World, data: st.DataObject) -> World:
    """Let any lives be lived, and have each of their events delivered at least once, in any order."""
    world.empty()
    for step in data.draw(st.lists(steps, min_size=1, max_size=12)):
        world.take(step)
    if world.events:
        again = data.draw(st.lists(st.sampled_from(range(len(world.events))), max_size=4))
        order = data.draw(st.permutations([*range(len(world.events)), *again]))
        world.deliver([world.events[place] for place in order], data.draw(st.integers(1, 5)))
    return world


any_lives = settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],  # to simplify what is found would take minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_any_delivery_ends_with_an_index_that_is_the_table(enrich: Function, kafka: FakeKafka) -> None:
    @any_lives
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        world = lived(World(enrich, kafka), data)

        assert world.found() == world.stored()
        assert set(world.last()) <= {b"user.deleted"}

    check()


def test_a_read_that_knows_nothing_yet_lets_nobody_back(
    enrich: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if another worker always wrote between the read and the upsert: Qdrant itself holds the order."""
    without_the_read(enrich, monkeypatch)

    @any_lives
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        world = lived(World(enrich, kafka), data)

        assert world.found() == world.stored()

    check()


def test_without_the_versions_somebody_is_back(
    enrich: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The properties above are worth something: what they hold fails where nobody looks at versions."""
    without_the_read(enrich, monkeypatch)
    monkeypatch.setattr(index_of(enrich), "_older_than", lambda changes: None)

    @settings(any_lives, max_examples=200, database=None)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        world = lived(World(enrich, kafka), data)

        assert world.found() == world.stored()

    with pytest.raises(AssertionError):
        check()


def test_where_no_deletion_is_repeated_a_person_is_the_last_of_a_key_in_the_topic(
    enrich: Function, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrich.module, "repeat", lambda deletions: None)

    @settings(any_lives, max_examples=200, database=None)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        assert set(lived(World(enrich, kafka), data).last()) <= {b"user.deleted"}

    with pytest.raises(AssertionError):
        check()


def without_the_read(enrich: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_of(enrich).UserIndex, "versions", lambda self, users: {})


def index_of(enrich: Function) -> Any:
    """Return the module vectors.index of the function's environment."""
    return sys.modules[enrich.module.user_index.__module__]
