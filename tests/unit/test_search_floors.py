"""The search benchmark names what has become worse."""

from tests.bench.search.asking import Answer
from tests.bench.search.labelled import Query
from tests.bench.search.results import evaluate, found, shortfalls


def answer(kind: str, ranking: list[int], *right: int) -> Answer:
    query = Query(f"{kind}-01", kind, "tune", "who?", frozenset(right))
    return Answer(query, "hybrid", ranking, [0.3] * len(ranking), 1)


FLOORS = {"hybrid": {"typo": 0.5, "nonsense": 1}}


def test_a_class_at_its_floor_is_good_enough() -> None:
    measured = evaluate([answer("typo", [2, 1], 1), answer("nonsense", [3])], min_score=0.2)
    assert list(shortfalls(FLOORS, measured)) == []


def test_a_class_below_its_floor_is_named_with_its_mode() -> None:
    measured = evaluate([answer("typo", [2, 3, 1], 1), answer("nonsense", [3])], min_score=0.2)
    assert list(shortfalls(FLOORS, measured)) == ["hybrid, typo: MRR@10 is 0.3333, and has to be 0.5."]


def test_people_found_for_nonsense_are_too_many_above_the_floor() -> None:
    measured = evaluate([answer("typo", [1], 1), answer("nonsense", [3, 4])], min_score=0.2)
    assert list(shortfalls(FLOORS, measured)) == [
        "hybrid, nonsense: 2.0 people are found, 1 at most should be."
    ]


def test_a_search_that_finds_nobody_counts_as_nothing_and_is_not_left_out() -> None:
    measured = evaluate([answer("typo", [1], 1), answer("typo", [], 1)], min_score=0.2)
    assert measured["hybrid"]["typo"]["mrr@10"] == 0.5


def test_a_min_score_leaves_out_only_whom_meaning_alone_found() -> None:
    asked = answer("nonsense", [1, 2, 3])._replace(cosines=[0.1, 0.4, None])
    assert found(asked, 0.2) == 2
