"""What a ranking is worth."""

from math import log2

import pytest

from tests.bench.search.metrics import hit, mean, ndcg, percentile, reciprocal_rank


@pytest.mark.parametrize(
    ("ranking", "right", "expected"),
    [
        ([7, 8, 9], {7}, 1),
        ([7, 8, 9], {9}, 1 / 3),
        ([7, 8, 9], {9, 8}, 1 / 2),
        ([7, 8, 9], {1}, 0),
        ([], {1}, 0),
        (list(range(20)), {9}, 1 / 10),
        (list(range(20)), {10}, 0),
    ],
)
def test_a_reciprocal_rank_is_that_of_the_first_right_answer_among_ten(
    ranking: list[int], right: set[int], expected: float
) -> None:
    assert reciprocal_rank(ranking, right) == expected


@pytest.mark.parametrize(("ranking", "expected"), [([7, 8], 1), ([8, 7], 0), ([], 0)])
def test_a_hit_is_a_right_answer_in_the_first_place(ranking: list[int], expected: float) -> None:
    assert hit(ranking, {7}) == expected


def test_ndcg_is_one_when_all_who_are_right_come_first_in_any_order() -> None:
    assert ndcg([3, 1, 2, 8, 9], {1, 2, 3}) == 1
    assert ndcg([2, 3, 1], {1, 2, 3}) == 1


def test_ndcg_loses_by_who_stands_before_somebody_right() -> None:
    expected = (1 / log2(2) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3))
    assert ndcg([1, 9, 2], {1, 2}) == pytest.approx(expected)


def test_ndcg_counts_one_who_is_right_and_missing_as_lost() -> None:
    assert ndcg([1], {1, 2}) == pytest.approx(1 / (1 + 1 / log2(3)))
    assert ndcg([], {1, 2}) == 0


def test_ndcg_asks_for_no_more_right_answers_than_there_are_places() -> None:
    assert ndcg(list(range(10)), set(range(12))) == 1
    assert ndcg([99] * 10 + [1], {1}) == 0


def test_equal_scores_are_not_sorted_again() -> None:
    """embeddings-benchmark/mteb#5092: metrics that break ties each in a way of their own disagree."""
    assert reciprocal_rank([5, 1], {1}) == 0.5
    assert ndcg([5, 1], {1}) == pytest.approx(1 / log2(3))


def test_a_mean_has_four_digits() -> None:
    assert mean([1, 0, 0]) == 0.3333


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), share) == expected
