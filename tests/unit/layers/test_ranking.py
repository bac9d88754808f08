"""What Qdrant is asked: bounded, whatever people type."""

from collections.abc import Iterator
from itertools import product
from math import comb
from typing import Any

import pytest
from pydantic import BaseModel
from vectors.qdrant import models
from vectors.ranking import Asked, Mode, Search, _half, request

TELLING = "surgeon violin sourdough kubernetes glacier horses organ ceramics"
EVERYDAY = "help looking best great old working love enjoys"
MOST_CHOICES = comb(16, 8)  # of 16 words, the half


def asked(query: str, mode: Mode) -> Asked:
    vector = None if mode == "words" else [0.1] * 4
    return Asked.of("tenant-a", Search(query, mode), vector, 1.0)


def below(value: Any) -> Iterator[models.MinShould]:
    """Yield every `min_should` of a request."""
    if isinstance(value, models.MinShould):
        yield value
    if isinstance(value, BaseModel):
        value = [getattr(value, name) for name in type(value).model_fields]
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from below(each)


@pytest.mark.parametrize("mode", ["hybrid", "words"])
@pytest.mark.parametrize(
    "query", [TELLING, f"{TELLING} {EVERYDAY}", EVERYDAY, f"{EVERYDAY} {TELLING} wind sea ice"]
)
def test_given_a_long_query_when_asked_then_qdrant_has_few_choices_of_words_to_look_at(
    query: str, mode: Mode
) -> None:
    found = list(below(request(asked(query, mode), 10)))
    assert found
    for each in found:
        assert comb(len(each.conditions), each.min_count) <= MOST_CHOICES


@pytest.mark.parametrize("telling", range(5))
@pytest.mark.parametrize("everyday", range(5))
def test_given_words_of_two_weights_when_half_is_wanted_then_it_is_half_of_the_weight(
    telling: int, everyday: int
) -> None:
    weights = [2] * telling + [1] * everyday
    if not weights:
        return
    words = [models.FieldCondition(key=str(n), match=models.MatchValue(value=1)) for n in range(len(weights))]
    half = _half(list(zip(weights, words, strict=True)))
    for has in product([False, True], repeat=len(weights)):
        there = {str(n) for n, is_there in enumerate(has) if is_there}
        weight = sum(weights[int(n)] for n in there)
        assert passes(half, there) == (weight >= sum(weights) / 2)


def passes(condition: Any, there: set[str]) -> bool:
    """Whether somebody who has these words passes a filter, as Qdrant defines it."""
    if isinstance(condition, models.FieldCondition):
        return condition.key in there
    must = all(passes(each, there) for each in condition.must or [])
    should = not condition.should or any(passes(each, there) for each in condition.should)
    least = condition.min_should
    enough = least is None or sum(passes(each, there) for each in least.conditions) >= least.min_count
    return must and should and enough
