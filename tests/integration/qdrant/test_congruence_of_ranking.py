"""Our server ranks as qdrant-client's own in-memory mode does, and, when QDRANT_URL is set, as that server.

Text indexes, several vectors of a point, prefetches, fusions, formulas. The in-memory mode has no text index:
it splits every text into lower-case words, so where an index does otherwise, the expectation is stated.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import models as m

from tests.integration.qdrant.pairs import Client, NewPair, Pair, field, query, vector

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

MULTIVECTOR = m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM)
WHITESPACE = m.TextIndexParams(
    type=m.TextIndexType.TEXT, tokenizer=m.TokenizerType.WHITESPACE, lowercase=False
)
WORDS = ["ada", "grace", "alan", "edsger", "barbara", "donald", "leslie"]


def has(*words: str) -> m.FieldCondition:
    return field("terms", match=m.MatchTextAny(text_any=" ".join(words)))


@pytest.fixture
def people(reference: Client, candidate: Client) -> Iterator[Pair]:
    """Forty points of two tenants, with one to three vectors and words each."""
    with NewPair(reference, candidate, multivector=MULTIVECTOR) as pair:
        pair.do(lambda client, name: client.create_payload_index(name, "terms", WHITESPACE))
        points = [
            m.PointStruct(
                id=n,
                vector=[vector(f"{n} {piece}") for piece in range(1 + n % 3)],
                payload={
                    "tenantId": f"tenant-{'ab'[n % 2]}",
                    "terms": " ".join(WORDS[n // step % 7] for step in (1, 2, 3)),
                    "rank": n,
                },
            )
            for n in range(40)
        ]
        pair.do(lambda client, name: client.upsert(name, points))
        yield pair


def of_tenant(tenant: str, **more: Any) -> m.Filter:
    return m.Filter(must=[field("tenantId", match=m.MatchValue(value=tenant))], **more)


def test_given_words_and_a_vector_when_ranked_by_coverage_then_the_answers_agree(people: Pair) -> None:
    words = [has("ada"), has("alan", "grace"), has("leslie")]
    covering = m.MinShould(conditions=words, min_count=2)
    candidates = m.Prefetch(
        prefetch=[
            m.Prefetch(query=[vector("q")], filter=of_tenant("tenant-a"), limit=5),
            m.Prefetch(query=[vector("q")], filter=of_tenant("tenant-a", min_should=covering), limit=5),
        ],
        query=[vector("q")],
        limit=10,
    )
    share = m.MultExpression(mult=[1 / 3, m.SumExpression(sum=[*words])])
    bonus = m.PowExpression(pow=m.PowParams(base=share, exponent=2.5))
    formula = m.FormulaQuery(formula=m.SumExpression(sum=["$score", bonus]))
    found = people.same(query(formula, of_tenant("tenant-a"), prefetch=candidates, limit=20))
    assert 5 < len(found) <= 10
