"""The index does nothing without a tenant."""

from collections.abc import Iterator, Sequence
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
from vectors.index import Entry, Marker, Stored, UserIndex, point_id
from vectors.pages import Hit
from vectors.ranking import Mode, Search
from vectors.settings import Settings
from vectors.text.terms import terms_of

from tests import sam
from tests.unit.fakes import FakeQdrant, Request, bag_of_words

COLLECTION = "user_embeddings"


def entry(tenant: str, user: int, profile: str = "chef") -> Entry:
    return Entry(tenant, user, f"u{user}@{tenant}.dev", "A", profile, [bag_of_words(profile).tolist()], 1)


def found(index: UserIndex, tenant: str, query: str, limit: int, mode: Mode = "hybrid") -> list[Hit]:
    """Return the first users that a search finds."""
    return index.search(tenant, Search(query, mode), bag_of_words(query).tolist(), limit).hits


DELETED_AT = 1_700_000_000_000


def marker(tenant: str, user: int, version: int) -> Marker:
    return Marker(tenant, user, version, DELETED_AT)


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
    index.write([entry("tenant-a", 1), entry("tenant-b", 1)])
    assert server.operations() == ["upsert"]
    assert server.requests[0].options["wait"] is True
    assert server.payloads(COLLECTION)[str(point_id("tenant-b", 1))] == {
        "key": "tenant-b:1",
        "tenantId": "tenant-b",
        "userId": 1,
        "email": "u1@tenant-b.dev",
        "name": "A",
        "profile": "chef",
        "terms": " ".join(terms_of("A", "u1@tenant-b.dev", "chef").all()),
        "version": 1,
    }


@pytest.mark.parametrize(
    ("versions", "kept"), [((1, 2), 2), ((2, 1), 2), ((2, 2), 2), ((9, 10), 10), ((10, 9), 10)]
)
def test_given_versions_of_a_user_when_stored_in_any_order_then_the_newest_is_kept(
    index: UserIndex, server: FakeQdrant, versions: tuple[int, int], kept: int
) -> None:
    for place, version in enumerate(versions):
        index.write([entry("tenant-a", 1, f"profile {place}")._replace(version=version)])
    (payload,) = server.payloads(COLLECTION).values()
    assert (payload["version"], payload["profile"]) == (kept, f"profile {versions.index(kept)}")


def test_given_many_users_when_stored_then_each_is_held_against_its_own_version(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.write([entry("tenant-a", user)._replace(version=user) for user in range(1, 10)])
    index.write([entry("tenant-a", user, "new")._replace(version=5) for user in range(1, 10)])
    new = {each["userId"] for each in server.payloads(COLLECTION).values() if each["profile"] == "new"}
    assert new == {1, 2, 3, 4}


def test_given_a_point_from_before_there_were_versions_when_stored_again_then_any_version_is_newer(
    index: UserIndex, server: FakeQdrant
) -> None:
    before = {
        "key": "tenant-a:1",
        "tenantId": "tenant-a",
        "userId": 1,
        "email": "",
        "name": "",
        "profile": "",
    }
    point = models.PointStruct(
        id=str(point_id("tenant-a", 1)), vector=[bag_of_words("chef").tolist()], payload=before
    )
    server.memory.upsert(COLLECTION, [point])
    assert index.versions([("tenant-a", 1)]) == {("tenant-a", 1): Stored(0, deleted=False)}
    index.write([entry("tenant-a", 1, "new")])
    (payload,) = server.payloads(COLLECTION).values()
    assert (payload["profile"], payload["version"]) == ("new", 1)


def test_given_what_is_stored_when_asked_for_then_one_request_tells_all_versions(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.write([entry("tenant-a", 1), entry("tenant-b", 1)._replace(version=7), marker("tenant-a", 2, 3)])
    server.requests.clear()
    known = index.versions([("tenant-a", 1), ("tenant-b", 1), ("tenant-a", 2), ("tenant-b", 2)])
    assert known == {
        ("tenant-a", 1): Stored(1, deleted=False),
        ("tenant-b", 1): Stored(7, deleted=False),
        ("tenant-a", 2): Stored(3, deleted=True),
    }
    assert server.operations() == ["retrieve"]


def test_given_a_deletion_when_stored_then_the_person_is_gone_and_the_marker_names_none(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.write([entry("tenant-a", 1)])
    index.write([marker("tenant-a", 1, 2)])
    [point], _ = server.memory.scroll(COLLECTION, with_vectors=True)
    assert (point.payload, point.vector) == (
        {"key": "tenant-a:1", "deletedFrom": "tenant-a", "userId": 1, "version": 2, "deletedAt": DELETED_AT},
        {},
    )


@pytest.mark.parametrize("version", [1, 2])
def test_given_a_deletion_when_an_older_event_comes_then_nobody_is_back(
    index: UserIndex, version: int
) -> None:
    index.write([marker("tenant-a", 1, 2)])
    index.write([entry("tenant-a", 1)._replace(version=version)])
    assert index.versions([("tenant-a", 1)]) == {("tenant-a", 1): Stored(2, deleted=True)}


def test_given_a_newer_version_when_an_older_deletion_comes_then_it_changes_nothing(
    index: UserIndex,
) -> None:
    index.write([entry("tenant-a", 1)._replace(version=3)])
    index.write([marker("tenant-a", 1, 2)])
    assert index.count("tenant-a") == 1


@pytest.mark.parametrize("users", [[], [entry("tenant-a", 9)]], ids=["only-markers", "markers-and-a-user"])
def test_given_markers_when_read_then_no_search_and_no_count_sees_them(
    index: UserIndex, server: FakeQdrant, users: list[Entry]
) -> None:
    index.write([*users, *(marker("tenant-a", user, 2) for user in range(1, 9)), marker("tenant-b", 1, 2)])
    assert len(found(index, "tenant-a", "chef", 50)) == len(users)
    assert index.count("tenant-a") == len(users)
    unfiltered = server.memory.query_points(COLLECTION, query=[bag_of_words("chef").tolist()], limit=50)
    assert len(unfiltered.points) == len(users)
    assert index.count_all("tenant-a") == len(users) + 8


def test_given_a_tenant_when_forgotten_then_its_users_and_markers_are_gone_and_no_other_tenants(
    index: UserIndex,
) -> None:
    index.write([entry("a", 1), marker("a", 2, 2), entry("A", 1), entry("ab", 1), marker("b", 2, 2)])
    assert index.forget("a") == 2
    assert [index.count_all(tenant) for tenant in ("a", "A", "ab", "b")] == [0, 1, 1, 1]
    assert index.forget("a") == 0


def test_given_markers_when_the_old_ones_are_removed_then_younger_ones_and_users_stay(
    index: UserIndex,
) -> None:
    ages = [marker("tenant-a", user, 2)._replace(deleted_at_ms=1_000 * user) for user in (1, 2, 3)]
    index.write([*ages, entry("tenant-a", 4), entry("tenant-b", 1)])
    assert index.remove_markers(3_000) == 2
    assert set(index.versions(("tenant-a", user) for user in range(1, 5))) == {
        ("tenant-a", 3),
        ("tenant-a", 4),
    }
    assert index.count("tenant-b") == 1


def test_given_two_tenants_when_searched_then_only_one_is_found_best_first(index: UserIndex) -> None:
    index.write([entry("tenant-a", 1), entry("tenant-a", 2, "pastry chef"), entry("tenant-b", 3)])
    hits = found(index, "tenant-a", "chef", 10)
    assert [hit.user_id for hit in hits] == [1, 2]
    assert hits[0].score == pytest.approx(1.0)


def test_given_tenants_that_differ_little_when_searched_then_each_finds_its_own(index: UserIndex) -> None:
    tenants = ["a", "A", "a.b", "a-b", "a" * 128]
    index.write([entry(tenant, 1) for tenant in tenants])
    for tenant in tenants:
        [hit] = found(index, tenant, "chef", 9)
        assert hit.email == f"u1@{tenant}.dev"
        assert index.count(tenant) == 1


@pytest.mark.parametrize("mode", ["hybrid", "meaning", "words"])
@pytest.mark.parametrize("topic", [None, "food"])
def test_given_a_search_when_sent_then_every_part_of_it_must_match_exactly_the_one_tenant_and_topic(
    index: UserIndex, server: FakeQdrant, mode: Mode, topic: str | None
) -> None:
    vector = bag_of_words("will the chef").tolist()
    index.search("tenant-a", Search("will the chef", mode, topic=topic), vector, 3)
    [request] = server.requests
    wanted = {"tenantId": "tenant-a"} | ({"topics": topic} if topic else {})
    filters = list(filters_of(request.options))
    assert len(filters) == {"hybrid": 6, "meaning": 1, "words": 6}[mode]
    for each in filters:
        whom = each.must[0] if isinstance(each.must[0], models.Filter) else each
        assert {condition.key: condition.match.value for condition in whom.must} == wanted
    assert request.options["limit"] == 4  # one more tells whether there are others as near as the last


@pytest.mark.parametrize(
    "query", ["oboe", "ana silva", "ana maria silva", "who plays the oboe and chess in lisbon"]
)
def test_given_words_when_searched_then_only_one_way_compares_vectors_and_none_allows_for_two_typing_errors(
    index: UserIndex, server: FakeQdrant, query: str
) -> None:
    index.search("tenant-a", Search(query), bag_of_words(query).tolist(), 3)
    [request] = server.requests
    [found] = request.options["prefetch"]
    near, *by_words = found.prefetch
    assert near.query
    assert not any(way.query for way in by_words)
    for way in by_words:
        terms = [condition.match.text_any for condition in way.filter.must if is_any(condition)]
        assert sum("~" in each for each in terms) <= 1


def is_any(condition: models.Condition) -> bool:
    return isinstance(condition, models.FieldCondition) and isinstance(condition.match, models.MatchTextAny)


def filters_of(options: dict[str, Any]) -> Iterator[Any]:
    """Yield the filter of a query and of all that it is prefetched from."""
    yield options["query_filter"]
    prefetches = list(options.get("prefetch", []))
    while prefetches:
        each = prefetches.pop()
        yield each.filter
        prefetches += each.prefetch or []


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
    index.write([entry("tenant-a", user, profile) for user, profile in zip(ids, profiles, strict=True)])
    index.write([entry("tenant-b", user) for user in range(1, 5)])
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
    ranked = found(index, "tenant-a", "chef", 100)
    assert ranked == sorted(ranked, key=lambda hit: (-hit.score, hit.user_id))
    assert len(ranked) == len(profiles)
    for limit in range(1, len(profiles) + 1):
        assert found(index, "tenant-a", "chef", limit) == ranked[:limit]


def test_given_hundreds_of_equal_users_when_searched_then_the_first_come_and_only_they_are_read_whole() -> (
    None
):
    server, index = any_order(["chef"] * 300 + ["pilot"] * 20)
    hits = found(index, "tenant-a", "chef", 3)
    chefs = [each for each in server.payloads(COLLECTION).values() if each["profile"] == "chef"]
    ids = sorted(each["userId"] for each in chefs if each["tenantId"] == "tenant-a")
    assert [hit.user_id for hit in hits] == ids[:3]
    asked = [(request.options["with_payload"], request.options["limit"]) for request in server.requests]
    person = ["userId", "email", "name", "profile", "topics"]
    assert asked == [(person, 4), (["userId"], 101), (["userId"], 10_000), (person, 4)]


def test_given_vectors_that_differ_by_noise_when_searched_then_they_count_as_equal(index: UserIndex) -> None:
    vector = bag_of_words("chef")
    for user in (3, 1, 2):  # as if each were embedded in another batch
        index.write([entry("tenant-a", user)._replace(vectors=[(vector + user * 1e-7).tolist()])])
    assert [hit.user_id for hit in found(index, "tenant-a", "chef", 3)] == [1, 2, 3]
    assert [hit.user_id for hit in found(index, "tenant-a", "chef", 1)] == [1]


def test_given_nobody_as_near_as_the_last_when_searched_then_one_request_is_sent(
    index: UserIndex, server: FakeQdrant
) -> None:
    index.write([entry("tenant-a", 1), entry("tenant-a", 2), entry("tenant-a", 3, "pilot")])
    server.requests.clear()
    found(index, "tenant-a", "chef", 2)
    assert server.operations() == ["query_points"]


@pytest.mark.parametrize("failure", ["down", "lost"])
def test_given_qdrant_fails_when_used_then_it_is_unavailable(
    index: UserIndex, server: FakeQdrant, failure: str
) -> None:
    server.down = failure == "down"
    server.lose_data()
    with pytest.raises(UnavailableError, match="did not store the embeddings"):
        index.write([entry("tenant-a", 1)])
    with pytest.raises(UnavailableError, match="did not tell the stored versions"):
        index.versions([("tenant-a", 1)])
    with pytest.raises(UnavailableError, match="did not remove the points"):
        index.forget("tenant-a")
    with pytest.raises(UnavailableError, match="did not remove the points"):
        index.remove_markers(DELETED_AT)
    with pytest.raises(UnavailableError, match="did not count the embeddings"):
        index.count_all("tenant-a")
    with pytest.raises(UnavailableError, match="did not answer the search"):
        found(index, "tenant-a", "chef", 1)


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
    assert qdrant.options["auth"] is None
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
    assert found(fresh_index.user_index(), "tenant-a", "chef", 1) == []


def test_given_a_failed_request_when_opened_again_then_the_collection_is_made_sure_of(
    fresh_index: Any, qdrant: FakeQdrant
) -> None:
    opened = fresh_index.user_index()
    qdrant.lose_data()
    with pytest.raises(fresh_index.UnavailableError):
        found(opened, "tenant-a", "chef", 1)
    assert fresh_index.user_index() is not opened
    assert qdrant.operations().count("create_collection") == 2
