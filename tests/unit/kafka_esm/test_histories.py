"""Two hundred histories, each with codecs, something bad, a second poller now and then, an added partition.

Whatever happens: nothing is lost, nothing is committed past a record that is not done, and no partition is
stopped by another.
"""

from collections.abc import Callable

import pytest
from kafka_esm.batching.lanes import Work
from kafka_esm.batching.plan import Partition
from kafka_esm.consumer.source import Source

from tests.unit.kafka_esm.histories import History

SEEDS = 200


@pytest.mark.parametrize("seed", range(SEEDS))
def test_given_any_history_when_polled_then_nothing_is_lost_or_committed_early_or_stopped(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    History(seed, monkeypatch).run()


def commits_early(patch: pytest.MonkeyPatch) -> None:
    def received(work: Work) -> dict[Partition, int]:
        return {p: lane.received for p, lane in work._lanes.items() if lane.received is not None}

    patch.setattr(Work, "uncommitted", received)


def starts_at_the_end_of_what_is_added(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Source, "_with_offset", lambda *_: set())


def stops_all_for_one(patch: pytest.MonkeyPatch) -> None:
    fetch_all_but = Source.fetch_all_but

    def fetch(source: Source, full: set[Partition]) -> None:
        fetch_all_but(
            source, {Partition(*tp) for tp in source._consumer.assignment()} if source.unreadable else full
        )

    patch.setattr(Source, "fetch_all_but", fetch)


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        (commits_early, "is committed, and .* are not done"),
        (starts_at_the_end_of_what_is_added, "is committed, and .* are not done"),
        (stops_all_for_one, "it never came about that what is not bad is done"),
    ],
)
def test_given_a_poller_with_a_bug_when_histories_are_played_then_one_of_them_finds_it(
    bug: Callable[[pytest.MonkeyPatch], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)

    def histories() -> None:
        for seed in range(SEEDS):
            History(seed, monkeypatch).run()

    with pytest.raises(AssertionError, match=said):
        histories()
