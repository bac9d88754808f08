"""Nobody is lost, comes twice, returns, is found by an old text, or strays, whatever fails meanwhile.

The order matters: the last tests let the broker die, and with it its log.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh
from tests.faults.broker import Broker
from tests.faults.harm import AWAIT_SECONDS, kill, last, process, start_again
from tests.faults.load import PER_SECOND, Load
from tests.faults.trial import Trial

pytestmark = pytest.mark.timeout(400)

TOPIC, PARTITIONS = "user.events", 6


@contextmanager
def batch_in_flight(mesh: Mesh, load: Load) -> Iterator[None]:
    """Have the enricher wait for Qdrant, so that what is killed meanwhile is killed in mid-batch."""
    qdrant = process(mesh, "qdrant")
    qdrant.suspend()
    try:
        load.go_on(PER_SECOND)
        yield
    finally:
        qdrant.resume()


def test_the_broker_is_out_of_reach_for_30_s(mesh: Mesh, broker: Broker, trial: Trial) -> None:
    with trial.under_load() as load, broker.out_of_reach():
        load.go_on()
        assert mesh.status()["outbox"]["size"] > 0
        last(30)

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}
    assert trial.backlog.size > 100
    assert mesh.status()["outbox"] == {"size": 0, "age_seconds": 0.0}


def test_the_broker_stands_still_for_20_s(broker: Broker, trial: Trial) -> None:
    with trial.under_load(), broker.standing_still():
        last(20)

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}
    assert trial.backlog.size > 0


def test_qdrant_is_killed_and_starts_again_10_s_later(mesh: Mesh, trial: Trial) -> None:
    with trial.under_load():
        kill(mesh, "qdrant")
        last(10)
        start_again(mesh)

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}


def test_workers_of_functions_are_killed_all_and_at_random(mesh: Mesh, trial: Trial) -> None:
    """A create that is answered by an error may have stored its user: then the user is found, too."""
    chance = random.Random(4)
    aws = process(mesh, "aws")
    with trial.under_load() as load:
        with batch_in_flight(mesh, load):
            for worker in aws.children(recursive=True):
                worker.kill()
        for _ in range(5):
            load.go_on(chance.randint(1, PER_SECOND))
            last(chance.random())
            chance.choice(aws.children(recursive=True)).kill()

    verdict = trial.settle()
    assert verdict.wrong == {}


def test_the_poller_is_killed_in_the_middle_of_a_batch(mesh: Mesh, trial: Trial) -> None:
    with trial.under_load() as load:
        with batch_in_flight(mesh, load):
            kill(mesh, "poller")
        load.go_on()
        start_again(mesh)

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}


def test_the_schedule_is_killed_while_the_outbox_fills(mesh: Mesh, broker: Broker, trial: Trial) -> None:
    with trial.under_load() as load:
        kill(mesh, "schedule")
        with broker.out_of_reach():
            load.go_on()
        load.go_on()
        assert mesh.status()["outbox"]["size"] > 0  # nobody else sends what was left
        start_again(mesh)

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}


def test_the_aws_api_is_halted_three_quarters_of_the_time(mesh: Mesh, trial: Trial) -> None:
    aws = process(mesh, "aws")
    with trial.under_load():
        for _ in range(50):
            aws.suspend()
            last(0.3)
            aws.resume()
            last(0.1)

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.unproblematic == 0


def test_the_broker_was_down_and_came_back_empty(broker: Broker, trial: Trial) -> None:
    """It keeps its log in memory. Whom the tests before created is indexed; all others are in the outbox."""
    with ExitStack() as outage:
        outage.enter_context(broker.dead(TOPIC, PARTITIONS))
        with trial.under_load() as load:
            outage.close()
            load.go_on()

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}
    assert trial.backlog.size > 0


def test_the_broker_dies_with_events_that_nobody_had_read(mesh: Mesh, broker: Broker, trial: Trial) -> None:
    """It keeps its log in memory: they are lost with it, and `mesh reindex` publishes every user again."""
    poller = process(mesh, "poller")
    with trial.under_load() as load:
        poller.suspend()
        load.go_on()
        with broker.dead(TOPIC, PARTITIONS):
            poller.resume()
            load.go_on()

    assert wait_until(lambda: trial.waiting() == 0, AWAIT_SECONDS)
    assert wait_until(lambda: mesh.status()["consumer_lag"] == 0, AWAIT_SECONDS)
    assert not trial.all_found()
    mesh.run("reindex")
    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}
