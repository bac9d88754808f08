"""How people are ranked: by meaning, and by how many of a query's words they have.

The rank is the cosine similarity plus a bonus for words, of up to about 1. Nothing of it depends on other
people, least of all another tenant's. Qdrant computes it, in one request; the bonus of those who are found is
computed here once more, to tell the cosine by itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy

from vectors.collection import TENANT_FIELD, TERMS_FIELD, TOPICS_FIELD
from vectors.embedding.vector import Vector
from vectors.qdrant import models
from vectors.text.terms import Word, Words, words_of

Mode = Literal["hybrid", "meaning", "words"]

CANDIDATES = 100  # of each way to find people; also how deep a search goes
DIGITS = 5  # of a score; beyond is noise: of single precision, and of the batch that a text was embedded in
_NEAR, _EXACT = 0.7, 0.3  # of a word that somebody has nearly; and if exactly, on top
_POWER = 3.5  # of the share of the words that somebody has
_PASSED_OVER = 0.3  # of the bonus once more, for a word that counts in a name only
_ENOUGH = 1 / 2  # of the words
_POOL = 2  # times as many candidates: by meaning, and of a single word
# Words, at most. Of a sentence somebody always has a few nearly: `dried` and `died`, `tiles` and `times`.
_OF_A_NAME = 3
_VECTOR_DIGITS = 7  # as many as single precision has


class Search(NamedTuple):
    """What is searched for.

    `topic` leaves out whoever has another one. `min_score` leaves out whom only meaning found, with a cosine
    below it or, if the model does not know the words of the query (not `understood`), without one of them.
    """

    query: str
    mode: Mode = "hybrid"
    min_score: float | None = None
    topic: str | None = None
    understood: bool = True


class Asked(NamedTuple):
    """A search as Qdrant is asked it: of a tenant, with the query's vector unless words alone count."""

    tenant_id: str
    words: Words
    vector: Vector | None
    weight: float  # the bonus of who has all words
    least_cosine: float | None
    topic: str | None
    understood: bool

    @classmethod
    def of(cls, tenant_id: str, search: Search, vector: Vector | None, weight: float) -> "Asked":
        """Return what is asked; a mode without words has none, and one without meaning no vector."""
        words = Words((), ()) if search.mode == "meaning" else words_of(search.query)
        if search.mode == "hybrid" and len(words.counted) > _OF_A_NAME:
            words = words.as_written()
        least = None if search.min_score is None else search.min_score - 10**-DIGITS / 2
        vector = None if search.mode == "words" else vector
        return cls(tenant_id, words, vector, weight, least, search.topic, search.understood or least is None)


def request(
    asked: Asked,
    limit: int,
    *,
    candidates: int = CANDIDATES,
    only: Sequence[models.ExtendedPointId] | None = None,
    at_least: float | None = None,
) -> dict[str, Any]:
    """Return the arguments of `query_points` for the first `limit`, the tenant's filter in every part.

    `only` asks of these points, and `at_least` of all that have such a rank.
    """
    whom = _filter(asked, only)
    exact = None if at_least is None else models.SearchParams(exact=True)
    bare: dict[str, Any] = {"query_filter": whom, "limit": limit, "score_threshold": at_least}
    by_words = list(_by_words(asked.words, whom, candidates))
    if asked.vector is None:
        near = [(word.weight, _any(word.near)) for word in asked.words.counted]
        all_near = [condition for _, condition in near]
        nearly = [_way(whom, all_near, candidates), _way(whom, [_half(near)], candidates)]
        return {**bare, "prefetch": [*by_words, *nearly], "query": _formula(asked, [])}
    nearest = [sent(asked.vector)]
    if not asked.words.counted:
        least = [each for each in (at_least, asked.least_cosine) if each is not None]
        return {
            **bare,
            "query": nearest,
            "search_params": exact,
            "score_threshold": max(least, default=None),
        }
    by_meaning = models.Prefetch(
        query=nearest,
        filter=whom if asked.understood else models.Filter(must=[whom, _any_of(asked.words.counted)]),
        params=exact,
        limit=_POOL * candidates,
        score_threshold=asked.least_cosine,
    )
    # One list with one score: of several, a formula takes the first one's only.
    ways = [by_meaning, *by_words]
    found = models.Prefetch(
        prefetch=ways, query=nearest, filter=whom, limit=sum(each.limit or 0 for each in ways)
    )
    return {**bare, "prefetch": [found], "query": _formula(asked, ["$score"])}


def sent(vector: Vector) -> Vector:
    """Return a vector as it is sent to Qdrant: half as long in JSON, and the same in single precision."""
    rounded: Vector = numpy.round(vector, _VECTOR_DIGITS).tolist()
    return rounded


def bonus(words: Words, terms: frozenset[str], weight: float) -> float:
    """Return what is added to the cosine of somebody with these terms: `weight`, if these are all words."""
    if not words.counted:
        return 0.0
    covered = _covered(words, terms)
    passed_over = sum(name in terms for name in words.names)
    return weight * float(covered**_POWER) * (1 + _PASSED_OVER * passed_over)


def enough(words: Words, terms: frozenset[str]) -> bool:
    """Return whether somebody with these terms is found by the words, whatever the query means.

    With half of them, that is, where a word that is there nearly counts as less than one.
    """
    return bool(words.counted) and _covered(words, terms) >= _ENOUGH


def has_any(words: Words, terms: frozenset[str]) -> bool:
    """Return whether any of the words is among the terms, exactly or nearly."""
    return any(not word.near.isdisjoint(terms) for word in words.counted)


def _covered(words: Words, terms: frozenset[str]) -> float:
    near = sum(word.weight for word in words.counted if not word.near.isdisjoint(terms))
    exact = sum(word.weight for word in words.counted if not word.exact.isdisjoint(terms))
    return (_NEAR * near + _EXACT * exact) / _weight(words.counted)


def _weight(words: Iterable[Word]) -> int:
    return sum(word.weight for word in words)


def _by_words(words: Words, whom: models.Filter, candidates: int) -> Iterator[models.Prefetch]:
    """Yield the ways to people by words alone, so that who has all of them is not lost among who has some.

    Qdrant ends a way at its limit where many have the words, and follows the rarest where few do. It chooses
    by how many people hold a term, and whoever has a word holds all dozen terms of it nearly so: hence one
    condition of a way at most allows for a typing error.
    """
    counted, some = words.counted, ceil(candidates / 2)
    if not counted:
        return
    if len(counted) == 1:
        [word] = counted
        yield _way(whom, [_any(word.exact)], _POOL * candidates)
        yield _way(whom, [_any(word.near)], some)
    else:
        yield _way(whom, [_all(counted)], candidates)
        yield _way(whom, [_half([(word.weight, _any(word.exact)) for word in counted])], some)
    if 1 < len(counted) <= _OF_A_NAME:
        for place, word in enumerate(counted):
            others = _most_telling((*counted[:place], *counted[place + 1 :]))
            if word.near != word.exact:
                yield _way(whom, [_any(word.near), _any_of(others)], some)
    if words.names and len(counted) <= _OF_A_NAME:
        yield _way(whom, [*(_any(word.exact) for word in counted), _any(words.names)], some)


def _way(whom: models.Filter, also: Sequence[models.Condition], limit: int) -> models.Prefetch:
    return models.Prefetch(filter=models.Filter(must=[whom, *also]), limit=limit)


def _formula(asked: Asked, meaning: list[models.Expression]) -> models.FormulaQuery:
    words = asked.words
    of_weight: dict[float, list[models.Expression]] = defaultdict(list)
    for word in words.counted:
        for share, terms in _shares(word):
            of_weight[word.weight * share / _weight(words.counted)].append(_any(terms))
    have: list[models.Expression] = [
        models.MultExpression(mult=[weight, models.SumExpression(sum=conditions)])
        for weight, conditions in of_weight.items()
    ]
    covered = models.PowExpression(pow=models.PowParams(base=models.SumExpression(sum=have), exponent=_POWER))
    passed_over = [models.MultExpression(mult=[_PASSED_OVER, _any([name])]) for name in words.names]
    lifted = models.SumExpression(sum=[1.0, *passed_over])
    by_words = models.MultExpression(mult=[asked.weight, covered, lifted])
    return models.FormulaQuery(formula=models.SumExpression(sum=[*meaning, by_words]))


def _shares(word: Word) -> Sequence[tuple[float, frozenset[str]]]:
    if word.near == word.exact:
        return [(_NEAR + _EXACT, word.exact)]
    return [(_NEAR, word.near), (_EXACT, word.exact)]


def _most_telling(words: Sequence[Word]) -> list[Word]:
    """Return the words that count most: one of them, and another one nearly, is enough of three."""
    return [word for word in words if word.weight == max(each.weight for each in words)]


def _half(weighted: Sequence[tuple[int, models.Condition]]) -> models.Filter:
    """Return the filter of half of the words, by their weight.

    Each condition stands once in a `min_should`, and words of a weight in one of their own: Qdrant looks at
    every choice of so many, and of 32 there are 600 million choices of 16.
    """
    weights = [weight for weight, _ in weighted]
    heaviest, lightest = max(weights), min(weights)
    least = ceil(_ENOUGH * sum(weights))
    telling = [condition for weight, condition in weighted if weight == heaviest]
    if heaviest == lightest:
        return _at_least(ceil(least / heaviest), telling)
    everyday = [condition for weight, condition in weighted if weight == lightest]
    ways: list[models.Condition] = []
    for some in range(min(len(telling), ceil(least / heaviest)), -1, -1):
        others = max(0, ceil((least - some * heaviest) / lightest))
        if others > len(everyday):
            break
        both = ((some, telling), (others, everyday))
        ways.append(models.Filter(must=[_at_least(count, of) for count, of in both if count]))
    return models.Filter(should=ways)


def _at_least(count: int, conditions: Sequence[models.Condition]) -> models.Filter:
    return models.Filter(min_should=models.MinShould(conditions=list(conditions), min_count=count))


def _any_of(words: Iterable[Word]) -> models.FieldCondition:
    return _any(frozenset().union(*(word.exact for word in words)))


def _all(words: Iterable[Word]) -> models.FieldCondition:
    """Return the condition that somebody has all words as they are written: one, for Qdrant to be quick."""
    text = " ".join(word.text for word in words)
    return models.FieldCondition(key=TERMS_FIELD, match=models.MatchText(text=text))


def _any(terms: Iterable[str]) -> models.FieldCondition:
    return models.FieldCondition(key=TERMS_FIELD, match=models.MatchTextAny(text_any=" ".join(sorted(terms))))


def _filter(asked: Asked, only: Sequence[models.ExtendedPointId] | None) -> models.Filter:
    tenant = models.FieldCondition(key=TENANT_FIELD, match=models.MatchValue(value=asked.tenant_id))
    must: list[models.Condition] = [tenant]
    if asked.topic is not None:
        must.append(models.FieldCondition(key=TOPICS_FIELD, match=models.MatchValue(value=asked.topic)))
    if only is not None:
        must.append(models.HasIdCondition(has_id=list(only)))
    return models.Filter(must=must)
