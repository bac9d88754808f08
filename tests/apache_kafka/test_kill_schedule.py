"""Whatever is killed at random for minutes on end: all are found as they were left, once, or gone."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from users.outbox import Outbox

from tests.apache_kafka.waits import Waits
from tests.e2e.mesh_command import Mesh
from tests.faults.conftest import keep
from tests.faults.harm import kill, last, process, start_again
from tests.faults.trial import Trial

PER_SECOND = 28  # requests, aimed at, so that 20 are left while things fail
SECONDS = float(os.environ.get("KILL_SECONDS", "300"))
LONGEST_OUTAGE, LONGEST_PAUSE = 5.0, 8.0  # seconds
CHANGES = 2_000 * min(1.0, SECONDS / 300)  # at least, however long a busy machine takes for them

WORKER = "worker"
VICTIMS = ("kafka", "kafka", "poller", "qdrant", "schedule", WORKER)  # the broker twice as often


def victims(chance: random.Random) -> Iterator[str]:
    """Yield whom to kill, without end: round by round everybody, in any order."""
    while True:
        yield from chance.sample(VICTIMS, len(VICTIMS))


def kill_a_worker(mesh: Mesh, chance: random.Random) -> None:
    """Kill a process that runs a function."""
    workers: list[psutil.Process] = process(mesh, "aws").children(recursive=True)
    if workers:
        with suppress(psutil.NoSuchProcess):  # it has just ended by itself
            chance.choice(workers).kill()


@pytest.mark.timeout(2 * SECONDS + 900)
def test_while_everything_is_killed_at_random_nobody_is_lost_and_nobody_returns(
    mesh: Mesh, api_url: str, outbox: Outbox, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(6)
    trial = Trial("everything is killed at random", api_url, outbox, PER_SECOND)
    keep(trial, request.config)
    killed: Counter[str] = Counter()
    began = time.monotonic()
    with Waits(api_url, trial) as waits:
        with trial.under_load():
            for victim in victims(chance):
                if time.monotonic() - began > SECONDS and trial.done > 1.1 * CHANGES:
                    break
                killed[victim] += 1
                if victim == WORKER:
                    kill_a_worker(mesh, chance)
                else:
                    kill(mesh, victim)
                    last(chance.uniform(0, LONGEST_OUTAGE))
                    start_again(mesh)
                last(chance.uniform(0, LONGEST_PAUSE))
        rate = trial.done / (time.monotonic() - began)
        verdict = trial.settle()

    trial.notes = (
        f"killed: {', '.join(f'{count} × {name}' for name, count in killed.most_common())}; "
        f"{rate:.1f} requests done a second; the longest that anybody waited: {waits.longest:.0f} s"
    )
    assert verdict.wrong == {}
    assert verdict.created + verdict.updated + verdict.erased >= CHANGES
    assert min(verdict.updated, verdict.erased) >= CHANGES / 10
