"""Our server answers as qdrant-client's own in-memory mode does, and, when QDRANT_URL is set, as that server.

Each test runs the same operations on two clients and compares what they answer: ids, payloads, and scores to
1e-5. Vectors are random and distinct, so that no two scores are so close that the order could differ; where a
test wants equal scores, it compares in the order of the ids.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from qdrant_client import models as m

from tests.integration.qdrant.pairs import (
    Client,
    NewPair,
    Pair,
    count,
    field,
    pages,
    query,
    retrieve,
    scored,
    stored,
    vector,
)

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

TENANTS = UUID("6f2c1f6e-3b1d-5f4a-9a53-0d6c1c8f7e11")
# Integers and UUIDs, to be listed in one order.
IDS: list[int | str] = [*range(5), *sorted(str(uuid5(TENANTS, str(n))) for n in range(5))]


# What hypothesis draws from

small_ints = st.integers(0, 4)
tenants = st.sampled_from(["tenant-a", "tenant-b", "tenant-c"])
words = st.sampled_from(["red", "green", "blue"])
some_ids = st.lists(st.sampled_from(IDS), max_size=4, unique=True)
payloads = st.fixed_dictionaries(
    {"tenantId": tenants},
    optional={
        "rank": small_ints,
        "price": st.sampled_from([0.5, 1.0, 2.25, 4.0]),
        "tags": st.lists(words, max_size=2),
        "color": words,
        "flag": st.booleans(),
        "nothing": st.none(),
    },
)
points = st.builds(
    lambda id_, seed, payload: m.PointStruct(id=id_, vector=vector(f"{id_} {seed}"), payload=payload),
    st.sampled_from(IDS),
    st.integers(0, 9),
    payloads,
)


def without_nulls(payload: dict[str, Any]) -> dict[str, Any]:
    """Leave out nulls: set, one removes its key, but in a payload that was cleared the engine stores it."""
    return {key: value for key, value in payload.items() if value is not None}


conditions = st.one_of(
    tenants.map(lambda v: field("tenantId", match=m.MatchValue(value=v))),
    small_ints.map(lambda v: field("rank", match=m.MatchValue(value=v))),
    words.map(lambda v: field("tags", match=m.MatchValue(value=v))),
    st.booleans().map(lambda v: field("flag", match=m.MatchValue(value=v))),
    st.lists(tenants, min_size=1, max_size=2).map(lambda v: field("tenantId", match=m.MatchAny(any=v))),
    st.lists(small_ints, min_size=1, max_size=3).map(lambda v: field("rank", match=m.MatchAny(any=v))),
    st.lists(words, min_size=1, max_size=2).map(
        lambda v: field("color", match=m.MatchExcept(**{"except": v}))
    ),
    st.tuples(small_ints, small_ints).map(lambda v: field("rank", range=m.Range(gte=v[0], lt=v[1]))),
    st.sampled_from([0.5, 1, 3]).map(lambda v: field("price", range=m.Range(gt=v))),
    st.sampled_from([0.5, 1, 3]).map(lambda v: field("price", range=m.Range(lte=v))),
    words.map(lambda v: field("tags", match=m.MatchTextAny(text_any=f"{v} none"))),
    words.map(lambda v: field("color", match=m.MatchPrefix(prefix=v[:2]))),
    st.integers(0, 2).map(lambda v: field("tags", values_count=m.ValuesCount(gte=v))),
    some_ids.map(lambda v: m.HasIdCondition(has_id=v)),
    st.sampled_from(["rank", "tags", "nothing"]).map(
        lambda v: m.IsEmptyCondition(is_empty=m.PayloadField(key=v))
    ),
    st.sampled_from(["rank", "nothing"]).map(lambda v: m.IsNullCondition(is_null=m.PayloadField(key=v))),
)


def filters_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[m.Filter]:
    clause = st.none() | st.lists(inner, min_size=1, max_size=2)
    # At least two: more matches than there are conditions is a wish the engine does not always refuse.
    return st.builds(
        m.Filter,
        must=clause,
        should=clause,
        must_not=clause,
        min_should=st.none()
        | st.builds(
            m.MinShould, conditions=st.lists(inner, min_size=2, max_size=3), min_count=st.integers(1, 2)
        ),
    )


filters = filters_of(conditions | filters_of(conditions))
selections = some_ids | filters

several = st.lists(points, min_size=1, max_size=5, unique_by=lambda p: p.id)
writes = st.one_of(
    st.tuples(st.just("upsert"), several),
    st.tuples(st.just("conditional_upsert"), several, filters),
    st.tuples(st.just("delete"), selections),
    st.tuples(st.just("set_payload"), selections, payloads.map(without_nulls)),
    st.tuples(st.just("overwrite_payload"), selections, payloads),
    st.tuples(st.just("delete_payload"), selections, st.lists(st.sampled_from(["rank", "tags"]), min_size=1)),
    st.tuples(st.just("clear_payload"), selections),
)


def write(pair: Pair, kind: str, what: Any, *more: Any) -> None:
    """Apply one of `writes` to both."""
    if kind not in ("upsert", "conditional_upsert", "delete") and isinstance(what, list):
        # To change the payload of a point that does not exist is an error, with different exceptions.
        what = [record.id for record in pair.reference.retrieve(pair.name, what)]
    if what == []:
        return  # is an error too
    pair.do(lambda client, name: OPERATIONS[kind](client, name, what, *more))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "upsert": lambda client, name, what: client.upsert(name, what),
    "conditional_upsert": lambda client, name, what, where: client.upsert(name, what, update_filter=where),
    "delete": lambda client, name, what: client.delete(name, what),
    "set_payload": lambda client, name, what, payload: client.set_payload(name, payload, what),
    "overwrite_payload": lambda client, name, what, payload: client.overwrite_payload(name, payload, what),
    "delete_payload": lambda client, name, what, keys: client.delete_payload(name, keys, what),
    "clear_payload": lambda client, name, what: client.clear_payload(name, what),
}


# Tests


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    first=st.lists(points, min_size=4, max_size=10, unique_by=lambda p: p.id),
    changes=st.lists(writes, max_size=6),
    wheres=st.lists(filters, min_size=1, max_size=4),
    seed=st.integers(0, 10**9),
    limit=st.integers(1, 6),
    offset=st.integers(0, 3),
    threshold=st.none() | st.sampled_from([-0.5, 0.0, 0.3]),
)
def test_given_any_changes_when_read_then_the_answers_agree(
    reference: Client,
    candidate: Client,
    first: list[m.PointStruct],
    changes: list[tuple[Any, ...]],
    wheres: list[m.Filter],
    seed: int,
    limit: int,
    offset: int,
    threshold: float | None,
) -> None:
    with NewPair(reference, candidate) as pair:
        pair.do(lambda client, name: client.upsert(name, first))
        for change in changes:
            write(pair, *change)
        pair.same(pages(None, limit))
        pair.same(retrieve(IDS))
        for where in [None, *wheres]:
            pair.same(count(where))
            pair.same(pages(where, limit))
            pair.same(query(vector(seed), where, limit=limit, offset=offset, score_threshold=threshold))


def user(tenant: str, number: int) -> m.PointStruct:
    key = f"{tenant}:{number}"
    payload = {"key": key, "tenantId": tenant, "userId": number, "email": f"{number}@{tenant}.dev"}
    return m.PointStruct(id=str(uuid5(TENANTS, key)), vector=vector(number, 384), payload=payload)


def of_tenant(tenant: str) -> m.Filter:
    return m.Filter(must=[field("tenantId", match=m.MatchValue(value=tenant))])


@pytest.fixture
def users(reference: Client, candidate: Client) -> Iterator[Pair]:
    """What the product stores: two tenants with the same 100 users each, ids from uuid5."""
    with NewPair(reference, candidate, dimensions=384) as pair:
        everyone = [user(tenant, number) for tenant in ("tenant-a", "tenant-b") for number in range(100)]
        pair.do(lambda client, name: client.upsert(name, everyone))
        yield pair


def test_given_tenants_with_the_same_users_when_searched_then_only_the_own_tenants_are_found(
    users: Pair,
) -> None:
    for seed in (3, 1000, 1001):
        for options in ({"limit": 5}, {"limit": 20, "offset": 90}, {"limit": 100, "score_threshold": 0.05}):
            found = users.same(query(vector(seed, 384), of_tenant("tenant-b"), **options))
            assert {payload["tenantId"] for _, payload, _ in found} <= {"tenant-b"}
    assert users.same(count(of_tenant("tenant-a"))) == 100


def test_given_equal_scores_when_searched_then_the_same_points_are_found(users: Pair) -> None:
    def by_id(client: Client, name: str) -> Any:
        return sorted(query(vector(7, 384), limit=200)(client, name), key=lambda found: str(found[0]))

    assert len(users.same(by_id)) == 200


def test_given_a_stored_point_when_its_neighbours_are_searched_then_it_is_not_among_them(users: Pair) -> None:
    target = user("tenant-a", 7).id
    found = users.same(query(target, of_tenant("tenant-a"), limit=100))
    assert len(found) == 99
    assert target not in [id_ for id_, _, _ in found]


def test_given_several_queries_when_sent_as_a_batch_then_each_is_answered(users: Pair) -> None:
    requests = [
        m.QueryRequest(query=vector(1, 384), filter=of_tenant("tenant-a"), limit=3, with_payload=True),
        m.QueryRequest(
            query=user("tenant-b", 9).id, filter=of_tenant("tenant-b"), limit=2, with_payload=True
        ),
    ]
    answers = users.same(
        lambda client, name: [scored(r.points) for r in client.query_batch_points(name, requests)]
    )
    assert [len(points) for points in answers] == [3, 2]


@pytest.mark.parametrize(
    "selector",
    [
        True,
        False,
        ["email"],
        m.PayloadSelectorInclude(include=["key"]),
        m.PayloadSelectorExclude(exclude=["key"]),
    ],
)
def test_given_a_payload_selector_when_read_then_just_that_is_returned(users: Pair, selector: Any) -> None:
    ids = [user("tenant-a", 5).id, user("tenant-b", 2).id, str(UUID(int=1))]
    users.same(lambda client, name: stored(client.retrieve(name, ids, with_payload=selector)))
    users.same(lambda client, name: stored(client.scroll(name, with_payload=selector, limit=3)[0]))


def test_given_a_nested_key_when_payload_is_set_then_only_what_is_below_it_changes(users: Pair) -> None:
    id_ = user("tenant-a", 1).id
    users.do(lambda client, name: client.set_payload(name, {"address": {"city": "Berlin", "zip": 1}}, [id_]))
    users.do(lambda client, name: client.set_payload(name, {"city": "Bonn"}, [id_], key="address"))
    ((_, payload, _),) = users.same(retrieve([id_]))
    assert payload["address"] == {"city": "Bonn", "zip": 1}


def of_version(number: int, version: int | None) -> m.PointStruct:
    """Return a user's point; the vector says which version of it was stored."""
    payload = {} if version is None else {"version": version}
    return m.PointStruct(id=number, vector=vector(f"{number} {version}"), payload=payload)


def older_than(*versions: tuple[int, int]) -> m.Filter:
    """Return what lets each of several points overwrite only itself, and only an older version."""
    return m.Filter(
        should=[
            m.Filter(
                must=[m.HasIdCondition(has_id=[number])],
                must_not=[field("version", range=m.Range(gte=version))],
            )
            for number, version in versions
        ]
    )


@pytest.mark.parametrize("indexed", [False, True])
def test_given_versions_when_upserted_on_condition_then_only_newer_ones_are_taken(
    reference: Client, candidate: Client, indexed: bool
) -> None:
    rows = [of_version(number, version) for number, version in enumerate([None, 1, 2, 3, 10])]
    news = [of_version(number, 2) for number in range(6)]
    with NewPair(reference, candidate) as pair:
        if indexed:
            pair.do(lambda client, name: client.create_payload_index(name, "version", "integer"))
        pair.do(lambda client, name: client.upsert(name, rows))
        where = older_than(*((number, 2) for number in range(6)))
        pair.do(lambda client, name: client.upsert(name, news, update_filter=where))
        found = pair.same(retrieve([*range(6)]))
    assert [payload["version"] for _, payload, _ in found] == [2, 2, 2, 3, 10, 2]


def test_given_an_upper_bound_as_condition_when_upserted_then_a_point_without_the_field_is_kept(
    reference: Client, candidate: Client
) -> None:
    below = m.Filter(must=[field("version", range=m.Range(lt=9))])
    with NewPair(reference, candidate) as pair:
        pair.do(lambda client, name: client.upsert(name, [of_version(1, None), of_version(2, 3)]))
        news = [of_version(1, 4), of_version(2, 4)]
        pair.do(lambda client, name: client.upsert(name, news, update_filter=below))
        found = pair.same(retrieve([1, 2]))
    assert [payload for _, payload, _ in found] == [{}, {"version": 4}]


def test_given_a_point_without_a_vector_when_read_then_it_is_listed_and_no_query_finds_it(
    users: Pair,
) -> None:
    target = user("tenant-a", 1)
    bare = m.PointStruct(id=target.id, vector={}, payload={"deletedFrom": "tenant-a"})
    users.do(lambda client, name: client.upsert(name, [bare]))
    assert users.same(retrieve([target.id])) == [(target.id, {"deletedFrom": "tenant-a"}, {})]
    assert users.same(count(None)) == 200
    found = query(vector(3, 384), limit=300)
    assert [len(answer) for answer in users.both(found)] == [199, 199]
    users.do(lambda client, name: client.upsert(name, [target]))
    assert [len(answer) for answer in users.both(found)] == [200, 200]


@pytest.mark.parametrize("indexed", [False, True])
def test_given_a_filter_when_deleted_by_it_then_the_others_stay(users: Pair, indexed: bool) -> None:
    if indexed:
        users.do(lambda client, name: client.create_payload_index(name, "userId", "integer"))
    young = m.Filter(must=[field("userId", range=m.Range(lt=30))])
    either = m.Filter(should=[young, m.HasIdCondition(has_id=[user("tenant-b", 70).id])])
    users.do(lambda client, name: client.delete(name, m.FilterSelector(filter=either)))
    assert [users.same(count(where)) for where in (of_tenant("tenant-a"), of_tenant("tenant-b"))] == [70, 69]


@pytest.mark.parametrize("indexed", [False, True])
def test_given_times_when_filtered_by_range_then_the_answers_agree(users: Pair, indexed: bool) -> None:
    for number in range(10):
        created = {"createdAt": f"2024-01-0{number % 9 + 1}T12:00:0{number}Z"}
        users.do(lambda c, name, n=number, p=created: c.set_payload(name, p, [user("tenant-a", n).id]))
    if indexed:
        users.do(lambda client, name: client.create_payload_index(name, "createdAt", "datetime"))
    after = m.DatetimeRange(gte="2024-01-03T12:00:02Z", lt="2024-01-07T00:00:00Z")
    assert users.same(count(m.Filter(must=[field("createdAt", range=after)]))) == 4


@pytest.mark.parametrize("kind", ["keyword", "integer", "float", "bool", "uuid"])
def test_given_a_payload_index_when_filtered_then_it_makes_no_difference(
    reference: Client, candidate: Client, kind: str
) -> None:
    values = {
        "keyword": ["red", ["red", "blue"], "green", None],
        "integer": [1, 2, [1, 3], -5],
        "float": [0.5, 1, 2.25, "no number"],
        "bool": [True, False, [True, False], None],
        "uuid": [str(uuid5(TENANTS, "x")), str(uuid5(TENANTS, "y")), None, "no uuid"],
    }[kind]
    rows = [m.PointStruct(id=n, vector=vector(n), payload={"v": value}) for n, value in enumerate(values)]
    wheres: list[m.FieldCondition] = [field("v", range=m.Range(gte=0.5, lt=2.25))]
    if kind != "float":
        wheres = [field("v", match=m.MatchValue(value=values[0])), *(wheres if kind == "integer" else [])]
    with NewPair(reference, candidate) as pair:
        pair.do(lambda client, name: client.upsert(name, rows))
        for _ in range(2):
            for where in wheres:
                pair.same(pages(m.Filter(must=[where]), 10))
                pair.same(pages(m.Filter(must_not=[where]), 10))
            pair.do(lambda client, name: client.create_payload_index(name, "v", kind))
