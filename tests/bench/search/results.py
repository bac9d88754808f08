"""What the answers are worth, by mode and class, and whether that is what is committed."""

from collections.abc import Iterator, Mapping, Sequence

from tests.bench.search.asking import Answer
from tests.bench.search.labelled import NONSENSE
from tests.bench.search.metrics import hit, mean, ndcg, percentile, reciprocal_rank

MRR = "mrr@10"
FOUND = "found"  # of nonsense: how many people, on the average, of ten at most

ByClass = dict[str, dict[str, float]]
Results = dict[str, ByClass]  # by mode


def evaluate(answers: Sequence[Answer], min_score: float) -> Results:
    """Return the measures by mode and class; nonsense is asked with a `minScore`."""
    modes = dict.fromkeys(answer.mode for answer in answers)
    kinds = dict.fromkeys(answer.query.kind for answer in answers)
    return {
        mode: {
            kind: _measures([a for a in answers if (a.mode, a.query.kind) == (mode, kind)], min_score)
            for kind in kinds
        }
        for mode in modes
    }


def found(answer: Answer, min_score: float) -> int:
    """Return how many people a search with a `minScore` finds."""
    return sum(cosine is None or cosine >= min_score for cosine in answer.cosines)


def _measures(answers: Sequence[Answer], min_score: float) -> dict[str, float]:
    ranked = [(answer.found, answer.query.right) for answer in answers]
    if answers[0].query.kind == NONSENSE:
        measured = {FOUND: mean(found(answer, min_score) for answer in answers)}
    else:
        measured = {
            MRR: mean(reciprocal_rank(*each) for each in ranked),
            "hit@1": mean(hit(*each) for each in ranked),
            "ndcg@10": mean(ndcg(*each) for each in ranked),
        }
    millis = [answer.millis for answer in answers]
    return {
        **measured,
        "p50 ms": round(percentile(millis, 0.5), 1),
        "p99 ms": round(percentile(millis, 0.99), 1),
    }


def shortfalls(floors: Mapping[str, Mapping[str, float]], results: Results) -> Iterator[str]:
    """Yield what is worse than the floors have it, by mode and class; a sentence each."""
    for mode, by_class in floors.items():
        for kind, floor in by_class.items():
            if kind == NONSENSE:
                if (people := results[mode][kind][FOUND]) > floor:
                    yield f"{mode}, {kind}: {people} people are found, {floor} at most should be."
            elif (reached := results[mode][kind][MRR]) < floor:
                yield f"{mode}, {kind}: MRR@10 is {reached}, and has to be {floor}."
