"""How good a ranking is: from 0 to 1, of the first ten.

The ranking is taken as the search gives it, and never sorted by score again: how ties are broken is the
search's to answer for. One that is empty counts as 0, and is not left out of a mean.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from math import log2
from statistics import fmean

DEPTH = 10


def reciprocal_rank(ranking: Sequence[int], right: Collection[int]) -> float:
    """Return 1 through the place of the first right answer, 0 if none is among the first ten."""
    places = (place for place, found in enumerate(ranking[:DEPTH], 1) if found in right)
    return 1 / next(places, float("inf"))


def hit(ranking: Sequence[int], right: Collection[int]) -> float:
    """Return 1 if the first answer is right, else 0."""
    return float(ranking[:1] != [] and ranking[0] in right)


def ndcg(ranking: Sequence[int], right: Collection[int]) -> float:
    """Return the normalised discounted cumulative gain: 1 if all who are right stand before all others.

    Each who is right is worth 1 through log2 of the place and one, of ten places at most.
    """
    gained = sum(worth for worth, found in zip(_worths(), ranking, strict=False) if found in right)
    return gained / sum(islice(_worths(), len(right)))


def mean(values: Iterable[float]) -> float:
    """Return the mean, to four digits: more are noise, and would be committed."""
    return round(fmean(values), 4)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that a share (0 to 1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def _worths() -> Iterable[float]:
    return (1 / log2(place + 1) for place in range(1, DEPTH + 1))
