"""The suite tells a broken poller from a right one."""

import sys

import pytest

from tests.conformance import scene
from tests.conformance.conftest import Play
from tests.conformance.situation import FOLDER, read


@pytest.mark.parametrize(
    ("bug", "file", "said"),
    [
        ("commit_early", "failure-without-end", "partition 0: 4 is committed, and 2 is not processed yet"),
        ("drop_a_partition", "order", "partition 1: 20 is committed, and 0 is not processed yet"),
        ("retry_once_more", "retry-limit", "partition 0, offset 1: 4 attempts, not 3"),
    ],
)
def test_given_a_poller_with_a_bug_when_a_situation_is_played_then_it_is_named(
    bug: str, file: str, said: str, play_with: Play
) -> None:
    command = f"{sys.executable} -m tests.conformance.broken {bug} run --template {{template}}"
    with pytest.raises(scene.WrongError, match=said):
        play_with(read(FOLDER / f"{file}.yaml"), command)
