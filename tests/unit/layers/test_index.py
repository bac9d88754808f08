"""The index does nothing without a tenant."""

from collections.abc import Sequence
from importlib import import_module
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import models
from vectors.collection import ensure_collection
from vectors.errors import UnavailableError
from vectors.index import Entry, UserIndex, point_id
from vectors.settings import Settings

from tests import sam
from tests.unit.fakes import FakeQdrant, Request, bag_of_words

COLLECTION = "user_embeddings"


def entry(tenant: str, user: int, profile: str = "chef") -> Entry:
    return Entry(tenant, user, f"u{user}@{tenant}.dev", "A", profile, bag_of_words(profile).tolist())


@pytest.fixture
def server() -> FakeQdrant:
    return FakeQdrant()


@pytest.fixture
def index(server: FakeQdrant) -> UserIndex:
    ensure_collection(server, Settings.model_validate(sam.environment("enrich")))
    server.requests.clear()
    return UserIndex(server, COLLECTION)


def test_given_a_user_when_its_point_is_named_then_the_name_is_for_ever() -> None:
    assert str(point_id("tenant-a", 123)) == "32df8716-7dd9-55ea-8553-bdc7c80d0eb7"


def test_given_entries_when_stored_then_one_request_stores_them_all(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.upsert([entry("tenant-a", 1), entry("tenant-b", 1)])
    assert server.operations() == ["upsert"]
    assert server.requests[0].options == {"wait": True}
    assert server.payloads(COLLECTION)[str(point_id("tenant-b", 1))] == {
        "key": "tenant-b:1",
        "tenantId": "tenant-b",
        "userId": 1,
        "email": "u1@tenant-b.dev",
        "name": "A",
        "profile": "chef",
    }


def test_given_the_same_user_when_stored_again_then_the_later_one_counts(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.upsert([entry("tenant-a", 1, "chef")])
    index.upsert([entry("tenant-a", 1, "pilot")])
    (payload,) = server.payloads(COLLECTION).values()
    assert payload["profile"] == "pilot"


def test_given_two_tenants_when_searched_then_only_one_is_found_best_first(index: UserIndex) -> None:
    index.upsert([entry("tenant-a", 1), entry("tenant-a", 2, "pastry chef"), entry("tenant-b", 3)])
    hits = index.search("tenant-a", bag_of_words("chef").tolist(), 10)
    assert [hit.user_id for hit in hits] == [1, 2]
    assert hits[0].score == pytest.approx(1.0)


def test_given_tenants_that_differ_little_when_searched_then_each_finds_its_own(index: UserIndex) -> None:
    tenants = ["a", "A", "a.b", "a-b", "a" * 128]
    index.upsert([entry(tenant, 1) for tenant in tenants])
    for tenant in tenants:
        [hit] = index.search(tenant, bag_of_words("chef").tolist(), 9)
        assert hit.email == f"u1@{tenant}.dev"
        assert index.count(tenant) == 1


def test_given_a_search_when_sent_then_it_must_match_exactly_the_one_tenant(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.search("tenant-a", bag_of_words("chef").tolist(), 3)
    options = server.requests[0].options
    match = models.FieldCondition(key="tenantId", match=models.MatchValue(value="tenant-a"))
    assert options["query_filter"] == models.Filter(must=[match])
    assert options["limit"] == 4  # one more tells whether there are others as near as the last


class AnyOrder(FakeQdrant):
    """A Qdrant that has points of one score in any order, another one in each answer, and then cuts."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)

    def query_points(self, collection: str, **options: Any) -> Any:
        self.requests.append(Request("query_points", (collection,), options))
        found = self.memory.query_points(collection, **{**options, "limit": 100_000})
        self._random.shuffle(found.points)
        found.points.sort(key=lambda point: -point.score)
        del found.points[options["limit"] :]
        return found


def any_order(profiles: Sequence[str], seed: int = 0) -> tuple[AnyOrder, UserIndex]:
    """Return an index whose users have these profiles, and ids that do not follow them."""
    server = AnyOrder(seed)
    ensure_collection(server, Settings.model_validate(sam.environment("enrich")))
    index = UserIndex(server, COLLECTION)
    ids = Random(seed).sample(range(1, 1000), len(profiles))
    index.upsert([entry("tenant-a", user, profile) for user, profile in zip(ids, profiles, strict=True)])
    index.upsert([entry("tenant-b", user) for user in range(1, 5)])
    server.requests.clear()
    return server, index


@settings(max_examples=30, deadline=None)
@given(
    profiles=st.lists(st.sampled_from(["chef", "pastry chef", "pilot", "baker"]), min_size=1, max_size=30),
    seed=st.integers(0, 2**16),
)
def test_given_users_as_near_as_each_other_when_searched_then_the_order_is_total_whatever_the_limit(
    profiles: list[str], seed: int
) -> None:
    _, index = any_order(profiles, seed)
    vector = bag_of_words("chef").tolist()
    ranked = index.search("tenant-a", vector, 100)
    assert ranked == sorted(ranked, key=lambda hit: (-hit.score, hit.user_id))
    assert len(ranked) == len(profiles)
    for limit in range(1, len(profiles) + 1):
        assert index.search("tenant-a", vector, limit) == ranked[:limit]


def test_given_hundreds_of_equal_users_when_searched_then_the_first_come_and_only_they_are_read_whole() -> (
    None
):
    server, index = any_order(["chef"] * 300 + ["pilot"] * 20)
    hits = index.search("tenant-a", bag_of_words("chef").tolist(), 3)
    chefs = [each for each in server.payloads(COLLECTION).values() if each["profile"] == "chef"]
    ids = sorted(each["userId"] for each in chefs if each["tenantId"] == "tenant-a")
    assert [hit.user_id for hit in hits] == ids[:3]
    assert [request.options["with_payload"] for request in server.requests] == [True, ["userId"], True]
    assert [request.options["limit"] for request in server.requests] == [4, 10_000, 3]
    match = models.FieldCondition(key="tenantId", match=models.MatchValue(value="tenant-a"))
    assert all(match in request.options["query_filter"].must for request in server.requests)


def test_given_vectors_that_differ_by_noise_when_searched_then_they_count_as_equal(index: UserIndex) -> None:
    vector = bag_of_words("chef")
    for user in (3, 1, 2):  # as if each were embedded in another batch
        index.upsert([entry("tenant-a", user)._replace(vector=(vector + user * 1e-7).tolist())])
    assert [hit.user_id for hit in index.search("tenant-a", vector.tolist(), 3)] == [1, 2, 3]
    assert [hit.user_id for hit in index.search("tenant-a", vector.tolist(), 1)] == [1]


def test_given_nobody_as_near_as_the_last_when_searched_then_one_request_is_sent(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.upsert([entry("tenant-a", 1), entry("tenant-a", 2), entry("tenant-a", 3, "pilot")])
    server.requests.clear()
    index.search("tenant-a", bag_of_words("chef").tolist(), 2)
    assert server.operations() == ["query_points"]


@pytest.mark.parametrize("failure", ["down", "lost"])
def test_given_qdrant_fails_when_used_then_it_is_unavailable(
    index: UserIndex, server: FakeQdrant, failure: str
) -> None:
    server.down = failure == "down"
    server.lose_data()
    with pytest.raises(UnavailableError, match="did not store the embeddings"):
        index.upsert([entry("tenant-a", 1)])
    with pytest.raises(UnavailableError, match="did not answer the search"):
        index.search("tenant-a", bag_of_words("chef").tolist(), 1)


@pytest.fixture
def fresh_index(fresh_layers: None, qdrant: FakeQdrant, monkeypatch: pytest.MonkeyPatch) -> Any:
    for variable, value in sam.environment("search").items():
        monkeypatch.setenv(variable, value)
    return import_module("vectors.index")


def test_given_the_environment_when_opened_then_its_qdrant_is_asked_with_keep_alive(
    fresh_index: Any, qdrant: FakeQdrant
) -> None:
    fresh_index.user_index()
    assert qdrant.options["url"] == "http://qdrant:6333"
    assert qdrant.options["api_key"] is None
    assert isinstance(qdrant.options["limits"], httpx.Limits)


def test_given_an_open_index_when_asked_for_again_then_it_is_the_same(
    fresh_index: Any, qdrant: FakeQdrant
) -> None:
    assert fresh_index.user_index() is fresh_index.user_index()
    assert qdrant.operations().count("collection_exists") == 1


def test_given_qdrant_is_down_when_opened_then_it_is_tried_again_next_time(
    fresh_index: Any, qdrant: FakeQdrant
) -> None:
    qdrant.down = True
    with pytest.raises(fresh_index.UnavailableError, match="did not open the collection"):
        fresh_index.user_index()
    qdrant.down = False
    assert fresh_index.user_index().search("tenant-a", bag_of_words("chef").tolist(), 1) == []


def test_given_a_failed_request_when_opened_again_then_the_collection_is_made_sure_of(
    fresh_index: Any, qdrant: FakeQdrant
) -> None:
    opened = fresh_index.user_index()
    qdrant.lose_data()
    with pytest.raises(fresh_index.UnavailableError):
        opened.search("tenant-a", bag_of_words("chef").tolist(), 1)
    assert fresh_index.user_index() is not opened
    assert qdrant.operations().count("create_collection") == 2
