"""Our server ranks as qdrant-client's own in-memory mode does, and, when QDRANT_URL is set, as that server.

Several vectors of a point, prefetches, fusions, formulas. Where the in-memory mode cannot do something, the
expectation is stated. The server is 1.20 or later: some expressions are new there.
"""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest
from qdrant_client import models as m

from tests.integration.qdrant.pairs import (
    Client,
    NewPair,
    Pair,
    count,
    field,
    nearly,
    query,
    retrieve,
    scored,
    vector,
)

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

MULTIVECTOR = m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM)
WHITESPACE = m.TextIndexParams(
    type=m.TextIndexType.TEXT, tokenizer=m.TokenizerType.WHITESPACE, lowercase=False
)
WORDS = ["ada", "grace", "alan", "edsger", "barbara", "donald", "leslie"]


def person(n: int) -> m.PointStruct:
    """One of two tenants' people, with one to three vectors and words each."""
    return m.PointStruct(
        id=n,
        vector=[vector(f"{n} {piece}") for piece in range(1 + n % 3)],
        payload={
            "tenantId": f"tenant-{'ab'[n % 2]}",
            "terms": " ".join(WORDS[n // step % 7] for step in (1, 2, 3)),
            "rank": n,
            "joined": f"2024-01-{1 + n % 28:02}T00:00:00Z",
            "place": {"lon": n / 10, "lat": 50 - n / 10},
            **({"bonus": n / 4} if n % 2 else {}),
        },
    )


@pytest.fixture
def people(reference: Client, candidate: Client) -> Iterator[Pair]:
    with NewPair(reference, candidate, multivector=MULTIVECTOR) as pair:
        pair.do(lambda client, name: client.create_payload_index(name, "terms", WHITESPACE))
        pair.do(lambda client, name: client.upsert(name, [person(n) for n in range(40)]))
        yield pair


def has(*words: str) -> m.FieldCondition:
    return field("terms", match=m.MatchTextAny(text_any=" ".join(words)))


def of_tenant(tenant: str, **more: Any) -> m.Filter:
    return m.Filter(must=[field("tenantId", match=m.MatchValue(value=tenant))], **more)


def nearest(seed: str, **options: Any) -> m.Prefetch:
    return m.Prefetch(query=[vector(seed)], **options)


def by_id(operation: Callable[[Client, str], Any]) -> Callable[[Client, str], Any]:
    """Compare in the order of the ids: equal scores may come in any."""
    return lambda client, name: sorted(operation(client, name), key=lambda found: found[0])


# Several vectors of a point


@pytest.mark.parametrize("several", [1, 3])
def test_given_points_of_several_vectors_when_searched_then_the_best_of_each_count(
    people: Pair, several: int
) -> None:
    target = [vector(f"q {n}") for n in range(several)]
    found = people.same(query(target, of_tenant("tenant-a"), limit=50, score_threshold=-5))
    assert len(found) == 20
    people.same(query(target, limit=3, offset=2, score_threshold=0.2))


def test_given_points_of_several_vectors_when_searched_by_one_then_as_by_a_list_of_it(people: Pair) -> None:
    # The in-memory mode refuses a plain vector here.
    one, listed = (
        query(target, of_tenant("tenant-b"))(people.candidate, people.name)
        for target in (vector("q"), [vector("q")])
    )
    assert one == nearly(listed)
    point = m.PointStruct(id=99, vector=vector("plain"))
    people.candidate.upsert(people.name, [point])
    (found,) = people.candidate.retrieve(people.name, [99], with_vectors=True)
    assert len(found.vector or []) == 1


def test_given_points_of_several_vectors_when_read_then_all_vectors_are_returned(people: Pair) -> None:
    found = people.same(retrieve([0, 1, 2]))
    assert [len(vectors) for _, _, vectors in found] == [1, 2, 3]
    answers = people.both(
        lambda client, name: [
            (p.id, p.vector)
            for p in client.query_points(name, query=[vector("q")], with_vectors=True, limit=5).points
        ]
    )
    assert answers[1] == nearly(answers[0])


def test_given_a_stored_point_when_its_neighbours_are_searched_then_by_all_its_vectors(people: Pair) -> None:
    found = people.same(query(2, of_tenant("tenant-a"), limit=50))
    assert 2 not in [id_ for id_, _, _ in found]


def test_given_points_as_columns_when_upserted_then_each_has_its_vectors(people: Pair) -> None:
    columns = m.Batch(
        ids=[50, 51], vectors=[person(1).vector, person(2).vector], payloads=[{"rank": 1}, {"rank": 2}]
    )
    people.do(lambda client, name: client.upsert(name, columns))
    assert [len(vectors) for _, _, vectors in people.same(retrieve([50, 51]))] == [2, 3]


def test_given_a_condition_when_points_of_several_vectors_are_upserted_then_it_is_kept_to(
    people: Pair,
) -> None:
    news = [person(n).model_copy(update={"vector": [vector(f"new {n}")] * 2}) for n in range(6)]
    old = m.Filter(must_not=[field("rank", range=m.Range(gte=3))])
    people.do(lambda client, name: client.upsert(name, news, update_filter=old))
    assert [len(vectors) for _, _, vectors in people.same(retrieve([*range(6)]))] == [2, 2, 2, 1, 2, 3]


def test_given_a_point_without_a_vector_among_those_of_several_when_searched_then_it_is_not_found(
    people: Pair,
) -> None:
    people.do(lambda client, name: client.upsert(name, [m.PointStruct(id=7, vector={}, payload={"rank": 7})]))
    assert people.same(retrieve([7])) == [(7, {"rank": 7}, {})]
    assert [len(found) for found in people.both(query([vector("q")], limit=99))] == [39, 39]
    # The in-memory mode knows no unnamed vector to have.
    without = m.Filter(must_not=[m.HasVectorCondition(has_vector="")])
    assert count(without)(people.candidate, people.name) == 1


# Prefetches and fusions


def test_given_prefetches_when_queried_then_the_best_of_the_candidates_are_chosen(people: Pair) -> None:
    candidates = [
        nearest("a", limit=4),
        nearest("b", limit=6, filter=of_tenant("tenant-a"), score_threshold=0.1),
        m.Prefetch(prefetch=[nearest("c", limit=9), nearest("d", limit=9)], query=[vector("e")], limit=5),
        m.Prefetch(query=3, limit=2),
    ]
    found = people.same(query([vector("q")], prefetch=candidates, limit=99))
    assert 6 < len(found) <= 17
    people.same(query([vector("q")], prefetch=candidates, limit=3, offset=2, score_threshold=0.0))
    people.same(query([vector("q")], of_tenant("tenant-b"), prefetch=candidates, limit=99))


def test_given_prefetches_in_prefetches_when_queried_then_at_any_depth(people: Pair) -> None:
    deep = nearest("0", limit=39)
    for depth in range(1, 30):
        deep = m.Prefetch(prefetch=deep, query=[vector(str(depth))], limit=39 - depth)
    assert len(people.same(query([vector("q")], prefetch=deep, limit=99))) == 10


@pytest.mark.parametrize(
    "fusion",
    [
        m.FusionQuery(fusion=m.Fusion.RRF),
        m.FusionQuery(fusion=m.Fusion.DBSF),
        m.RrfQuery(rrf=m.Rrf()),
        m.RrfQuery(rrf=m.Rrf(k=60)),
        m.RrfQuery(rrf=m.Rrf(k=10, weights=[3.0, 1.0])),
    ],
)
def test_given_two_lists_when_fused_then_the_answers_agree(people: Pair, fusion: Any) -> None:
    lists = [nearest("a", limit=12), nearest("b", limit=15)]
    assert len(people.same(by_id(query(fusion, prefetch=lists, limit=50)))) > 15
    people.same(by_id(query(fusion, of_tenant("tenant-a"), prefetch=lists, limit=50)))


@pytest.mark.parametrize("fusion", [m.Fusion.RRF, m.Fusion.DBSF])
def test_given_a_threshold_when_lists_are_fused_then_it_is_one_of_the_fused_scores(
    people: Pair, fusion: m.Fusion
) -> None:
    # The in-memory mode applies none: https://github.com/qdrant/qdrant-client/issues/1136
    def fused(above: float | None) -> Any:
        lists = [nearest("a"), nearest("b")]
        found = query(m.FusionQuery(fusion=fusion), prefetch=lists, limit=50, score_threshold=above)
        return by_id(found)(people.candidate, people.name)

    everybody = fused(None)
    threshold = median(score for _, _, score in everybody)
    assert fused(threshold - 1e-4) == nearly([one for one in everybody if one[2] >= threshold])


@pytest.mark.parametrize(
    ("score", "expected"),
    [("$score", {1, 2}), ("$score[1]", {2, 3}), (m.MaxExpression(max=["$score[0]", "$score[1]"]), {1, 2, 3})],
)
def test_given_two_prefetches_when_ranked_by_a_formula_then_each_has_a_score_of_its_own(
    people: Pair, score: Any, expected: set[int]
) -> None:
    # $score is the first one's; points of the others alone have the default there.
    two = [nearest("a", filter=m.Filter(must=[m.HasIdCondition(has_id=ids)])) for ids in ([1, 2], [2, 3])]
    formula = m.FormulaQuery(formula=score, defaults={"$score": -9.0, "$score[1]": -9.0})
    found = people.same(by_id(query(formula, prefetch=two)))
    assert {id_ for id_, _, its in found if its > -9} == expected
    assert len(found) == 3


def test_given_queries_with_prefetches_when_sent_as_a_batch_then_each_is_answered(people: Pair) -> None:
    requests = [
        m.QueryRequest(
            query=[vector("q")], prefetch=nearest("a", limit=7), filter=of_tenant("tenant-a"), limit=9
        ),
        m.QueryRequest(
            query=m.FormulaQuery(formula=m.NegExpression(neg="$score")), prefetch=nearest("b", limit=4)
        ),
    ]
    answers = people.same(
        lambda client, name: [scored(r.points) for r in client.query_batch_points(name, requests)]
    )
    assert len(answers[1]) == 4


# Formulas

TO_RANK = m.DecayParamsExpression(x="rank", target=10.0, scale=5.0, midpoint=0.4)
FROM_JOINING = m.DecayParamsExpression(
    x=m.DatetimeKeyExpression(datetime_key="joined"),
    target=m.DatetimeExpression(datetime="2024-01-09T00:00:00Z"),
    scale=86_400.0,
)
EXPRESSIONS: list[Any] = [
    2.5,
    "$score",
    "$score[1]",
    "rank",
    "bonus",
    has("ada", "alan"),
    m.Filter(must=[has("ada")], must_not=[has("alan")]),
    m.HasIdCondition(has_id=[1, 2, 3]),
    m.IsEmptyCondition(is_empty=m.PayloadField(key="bonus")),
    m.SumExpression(sum=[]),
    m.SumExpression(sum=["$score", has("ada"), 1.0]),
    m.MultExpression(mult=[]),
    m.MultExpression(mult=["$score", 0.5, "rank"]),
    m.MaxExpression(max=["$score", 0.2]),
    m.MinExpression(min=["$score", 0.2]),
    m.NegExpression(neg="$score"),
    m.AbsExpression(abs=m.NegExpression(neg="rank")),
    m.DivExpression(div=m.DivParams(left=1.0, right="rank", by_zero_default=7.0)),
    m.DivExpression(div=m.DivParams(left="rank", right=3.0)),
    m.SqrtExpression(sqrt="rank"),
    m.PowExpression(pow=m.PowParams(base="rank", exponent=1.5)),
    m.ExpExpression(exp="$score"),
    m.Log10Expression(log10=m.SumExpression(sum=["rank", 1.0])),
    m.LnExpression(ln=m.SumExpression(sum=["rank", 1.0])),
    m.AcoshExpression(acosh=m.SumExpression(sum=["rank", 1.0])),
    m.LinDecayExpression(lin_decay=TO_RANK),
    m.ExpDecayExpression(exp_decay=TO_RANK),
    m.GaussDecayExpression(gauss_decay=m.DecayParamsExpression(x="$score")),
    m.ExpDecayExpression(exp_decay=FROM_JOINING),
    m.GeoDistance(geo_distance=m.GeoDistanceParams(origin=m.GeoPoint(lon=1.0, lat=49.0), to="place")),
]


@pytest.mark.parametrize(
    "expression", EXPRESSIONS, ids=lambda e: e if isinstance(e, str) else type(e).__name__
)
def test_given_a_formula_when_ranked_by_then_the_answers_agree(people: Pair, expression: Any) -> None:
    formula = m.FormulaQuery(formula=expression, defaults={"bonus": -1.0, "$score[1]": 0.25})
    candidates = [nearest("a", limit=20), nearest("b", limit=20)]
    expected, got = people.both(by_id(query(formula, prefetch=candidates, limit=50)))
    # Distances of places are in metres, on spheres of slightly different size.
    precision = {"rel": 1e-3} if isinstance(expression, m.GeoDistance) else {"abs": 1e-5, "rel": 1e-6}
    assert [(id_, score) for id_, _, score in got] == [
        (id_, pytest.approx(score, **precision)) for id_, _, score in expected
    ]
    assert len(got) > 20


def test_given_words_and_a_vector_when_ranked_by_coverage_then_the_answers_agree(people: Pair) -> None:
    words = [has("ada"), has("alan", "grace"), has("leslie")]
    covering = m.MinShould(conditions=words, min_count=2)
    candidates = m.Prefetch(
        prefetch=[
            nearest("q", filter=of_tenant("tenant-a"), limit=5),
            nearest("q", filter=of_tenant("tenant-a", min_should=covering), limit=5),
        ],
        query=[vector("q")],
        limit=10,
    )
    share = m.MultExpression(mult=[1 / 3, m.SumExpression(sum=[*words])])
    bonus = m.PowExpression(pow=m.PowParams(base=share, exponent=2.5))
    formula = m.FormulaQuery(formula=m.SumExpression(sum=["$score", bonus]))
    found = people.same(query(formula, of_tenant("tenant-a"), prefetch=candidates, limit=20))
    assert 5 < len(found) <= 10
    people.same(query(formula, of_tenant("tenant-a"), prefetch=candidates, limit=3, score_threshold=0.5))
