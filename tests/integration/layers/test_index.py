"""vectors.index and vectors.collection against the REST server over Qdrant Edge."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from uuid import uuid4

import httpx
import pytest
from mesh import components, process
from qdrant_client import QdrantClient, models
from vectors import index
from vectors.collection import ensure_collection
from vectors.errors import LayoutMismatchError, ModelMismatchError, UnavailableError
from vectors.index import Entry, Marker, Stored, UserIndex, point_id
from vectors.pages import Hit
from vectors.ranking import Search
from vectors.settings import Settings, settings


def vector(hot: int) -> list[float]:
    return [1.0 if position == hot else 0.0 for position in range(8)]


def found(users: UserIndex, tenant: str, limit: int) -> list[Hit]:
    """Return the users nearest to a vector."""
    return users.search(tenant, Search("someone", "meaning"), vector(0), limit).hits


def entry(tenant: str, user_id: int, hot: int, name: str = "Someone") -> Entry:
    return Entry(tenant, user_id, f"{user_id}@x.dev", name, "", [vector(hot)], 1)


@pytest.fixture
def environment(qdrant: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A collection of its own; yields its name."""
    name = f"users-{uuid4().hex[:8]}"
    monkeypatch.setenv("QDRANT_URL", qdrant)
    monkeypatch.setenv("QDRANT_COLLECTION", name)
    monkeypatch.setenv("EMBEDDING_MODEL", "model-one")
    monkeypatch.setenv("EMBEDDING_DIMENSION", "8")
    for cached in (settings, index.user_index):
        cached.cache_clear()
    yield name
    for cached in (settings, index.user_index):
        cached.cache_clear()


def test_a_search_finds_the_nearest_of_its_tenant_only(environment: str) -> None:
    users = index.user_index()
    users.write([entry("a", 1, hot=0), entry("a", 2, hot=1), entry("b", 1, hot=0), entry("b", 3, hot=0)])

    hits = found(users, "a", 50)

    assert [hit.user_id for hit in hits] == [1, 2]
    assert math.isclose(hits[0].score, 1, abs_tol=1e-5)


def test_tenants_that_differ_little_find_their_own_only(environment: str) -> None:
    tenants = ["acme", "Acme", "acme.b", "acme-b", "org_9ybsU1dN2dKfDkBi", "ORG_9YBSU1DN2DKFDKBI", "a" * 128]
    users = index.user_index()
    users.write([entry(tenant, 1, hot=0, name=tenant) for tenant in tenants])

    assert [[hit.name for hit in found(users, tenant, 50)] for tenant in tenants] == [
        [tenant] for tenant in tenants
    ]
    assert [users.count(tenant) for tenant in tenants] == [1] * len(tenants)


def test_users_that_are_equal_come_in_the_order_of_their_ids_whatever_the_limit(environment: str) -> None:
    users = index.user_index()
    for number in Random(4).sample(range(1, 61), 60):  # in many batches, and in no order
        users.write([entry("a", number, hot=number % 2), entry("b", number, hot=0)])
    even, odd = list(range(2, 61, 2)), list(range(1, 61, 2))

    for limit in [*range(1, 51)] * 2:
        assert [hit.user_id for hit in found(users, "a", limit)] == [*even, *odd][:limit]


def test_thousands_of_users_that_are_equal_are_ranked_whole(environment: str) -> None:
    users = index.user_index()
    ids = Random(4).sample(range(1, 9_001), 9_000)
    for start in range(0, len(ids), 1_000):
        users.write([entry("a", number, hot=0) for number in ids[start : start + 1_000]])

    assert [hit.user_id for hit in found(users, "a", 3)] == [1, 2, 3]


def test_a_redelivered_batch_changes_nothing(environment: str, qdrant: str) -> None:
    batch = [entry("a", 1, hot=0), entry("b", 1, hot=1)]
    for _ in range(3):
        index.user_index().write(batch)

    client = QdrantClient(url=qdrant, limits=httpx.Limits())
    stored, _ = client.scroll(environment, limit=10)
    client.close()

    assert {str(point.id) for point in stored} == {str(point_id("a", 1)), str(point_id("b", 1))}


def test_an_entry_that_qdrant_cannot_take_is_named_and_the_others_are_stored(environment: str) -> None:
    users = index.user_index()
    entries = [entry("a", number, hot=0) for number in range(1, 8)]
    entries[4] = entries[4]._replace(vectors=[[1.0]])

    assert users.write(entries) == [4]

    assert sorted(hit.user_id for hit in found(users, "a", 50)) == [1, 2, 3, 4, 6, 7]


def test_only_newer_versions_are_taken_each_users_own(environment: str) -> None:
    users = index.user_index()
    users.write([entry("a", number, hot=0)._replace(version=number) for number in range(1, 6)])

    users.write([entry("a", number, hot=0, name="New")._replace(version=3) for number in range(1, 7)])

    names = {hit.user_id: hit.name for hit in found(users, "a", 50)}
    assert {number for number, name in names.items() if name == "New"} == {1, 2, 6}
    assert set(names) == set(range(1, 7))


def test_of_two_writers_at_once_the_newer_version_wins(environment: str) -> None:
    users = index.user_index()
    versions = Random(4).sample(range(1, 41), 40)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda version: users.write([entry("a", 1, hot=0)._replace(version=version)]), versions)
        )

    assert users.versions([("a", 1)]) == {("a", 1): Stored(40, deleted=False)}


def test_a_deletion_leaves_no_person_and_no_read_sees_it(environment: str, qdrant: str) -> None:
    users = index.user_index()
    users.write([entry("a", 1, hot=0), entry("b", 1, hot=0)])
    users.write([Marker("a", 1, 2, deleted_at_ms=5), Marker("c", 7, 2, deleted_at_ms=5)])
    users.write([entry("a", 1, hot=0)])

    assert [found(users, tenant, 50) for tenant in ("a", "c")] == [[], []]
    assert [users.count(tenant) for tenant in ("a", "b", "c")] == [0, 1, 0]
    assert users.versions([("a", 1), ("c", 7)]) == {
        ("a", 1): Stored(2, deleted=True),
        ("c", 7): Stored(2, deleted=True),
    }
    client = QdrantClient(url=qdrant, limits=httpx.Limits())
    [point] = client.retrieve(environment, [str(point_id("a", 1))], with_vectors=True)
    anybody = client.query_points(environment, query=[vector(0)], limit=50).points
    client.close()
    assert (point.vector, point.payload) == (
        {},
        {"key": "a:1", "deletedFrom": "a", "userId": 1, "version": 2, "deletedAt": 5},
    )
    assert [(found.payload or {})["key"] for found in anybody] == ["b:1"]


def test_old_markers_are_removed_and_a_tenant_is_forgotten_with_its_markers(environment: str) -> None:
    users = index.user_index()
    ages = [Marker("a", number, 2, deleted_at_ms=number * 1_000) for number in range(1, 5)]
    users.write([*ages, entry("a", 9, hot=0), entry("b", 9, hot=0), Marker("b", 1, 2, deleted_at_ms=9_000)])

    assert users.remove_markers(older_than_ms=3_000) == 2
    assert (users.count_all("a"), users.count_all("b")) == (3, 2)
    assert users.forget("a") == 3
    assert (users.count_all("a"), users.count_all("b")) == (0, 2)


def test_a_collection_of_an_older_layout_is_refused(environment: str, qdrant: str) -> None:
    old = QdrantClient(url=qdrant, limits=httpx.Limits())
    cosine = models.VectorParams(size=8, distance=models.Distance.COSINE)
    old.create_collection(environment, cosine, metadata={"embedding_model": "model-one"})
    old.close()

    with pytest.raises(LayoutMismatchError, match="has layout 1"):
        index.user_index()


@pytest.mark.parametrize("text", ["\0", "\uffff", "\ue000", "\u202e", "\U0010ffff", " ", "x" * 1_000_000])
def test_no_text_that_the_contract_lets_pass_is_refused(environment: str, text: str) -> None:
    strange = entry("a", 1, hot=0, name=text)._replace(email=text, profile=text)

    assert index.user_index().write([strange]) == []

    [hit] = found(index.user_index(), "a", 5)
    assert (hit.name, hit.email, hit.profile) == (text, text, text)


def test_another_model_is_refused(environment: str, qdrant: str) -> None:
    index.user_index()
    other = Settings(
        QDRANT_URL=qdrant,
        QDRANT_COLLECTION=environment,
        EMBEDDING_MODEL="model-two",
        EMBEDDING_DIMENSION=8,
    )

    client = QdrantClient(url=qdrant, limits=httpx.Limits())
    with pytest.raises(ModelMismatchError, match=r"model-one.*model-two"):
        ensure_collection(client, other)
    client.close()


def test_a_lost_collection_is_made_again_after_one_failure(environment: str, qdrant: str) -> None:
    users: UserIndex = index.user_index()
    client = QdrantClient(url=qdrant, limits=httpx.Limits())
    client.delete_collection(environment)
    client.close()
    with pytest.raises(UnavailableError):
        users.write([entry("a", 1, hot=0)])

    index.user_index().write([entry("a", 1, hot=0)])

    assert [hit.user_id for hit in found(index.user_index(), "a", 5)] == [1]


def test_without_qdrant_it_says_unavailable(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_URL", f"http://127.0.0.1:{process.free_port()}")
    settings.cache_clear()

    with pytest.raises(UnavailableError):
        index.user_index()


def test_points_outlive_a_killed_server(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = process.free_port()
    monkeypatch.setenv("QDRANT_URL", f"http://127.0.0.1:{port}")
    settings.cache_clear()
    server = components.start_qdrant(port, "killed")
    components.wait_ready(server)
    index.user_index().write([entry("a", number, hot=0) for number in range(1, 51)])
    running = process.find(server.pid or 0)
    assert running is not None
    running.kill()
    running.wait()

    server = components.start_qdrant(port, "killed")
    try:
        components.wait_ready(server)
        index.user_index.cache_clear()
        assert len(found(index.user_index(), "a", 50)) == 50
    finally:
        components.stop(server)
