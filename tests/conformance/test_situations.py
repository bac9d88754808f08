"""Each file of `situations/` is a test: the poller does there what AWS documents."""

from collections.abc import Callable
from concurrent.futures import Future

import pytest

from tests.conformance.situation import Situation, every


@pytest.mark.parametrize("situation", every(), ids=lambda situation: situation.name)
def test_given_a_situation_when_polled_then_it_is_as_documented(
    situation: Situation, playing: Callable[[Situation], Future[None]]
) -> None:
    playing(situation).result()
