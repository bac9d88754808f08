"""Nobody who got 201 is lost, nobody comes twice, nobody strays, whatever fails meanwhile.

The order matters: the last tests let the broker die, and with it its log.
"""

import os
import random
import signal
import subprocess
from contextlib import ExitStack
from threading import Event

import psutil
import pytest
from mesh.process import wait_until

from tests.e2e.mesh_command import MESH, Mesh
from tests.faults.broker import Broker
from tests.faults.trial import Trial

pytestmark = pytest.mark.timeout(400)

AWAIT_SECONDS = 60
TOPIC, PARTITIONS = "user.events", 6


def last(seconds: float) -> None:
    """Let a fault last."""
    Event().wait(seconds)


def kill(mesh: Mesh, component: str) -> None:
    os.kill(mesh.component(component)["pid"], signal.SIGKILL)
    assert wait_until(lambda: mesh.component(component)["state"] == "crashed", AWAIT_SECONDS)


def start_again(mesh: Mesh) -> None:
    assert "Starting anew" not in mesh.run("up")
    assert mesh.status()["state"] == "running"


def workers(mesh: Mesh) -> list[psutil.Process]:
    """The functions' processes."""
    return psutil.Process(mesh.component("aws")["pid"]).children(recursive=True)


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


def test_workers_of_the_functions_are_killed_at_random(mesh: Mesh, trial: Trial) -> None:
    """A create that is answered by an error may have stored its user: then the user is found, too."""
    chance = random.Random(4)
    killed = 0
    with trial.under_load() as load:
        for turn in range(10):
            last(chance.random())
            running = workers(mesh)
            for worker in running if turn % 5 == 0 else [chance.choice(running)]:
                worker.kill()
                killed += 1
            load.go_on(chance.randint(1, 12))

    verdict = trial.settle()
    assert killed >= 10
    assert verdict.wrong == {}


def test_the_poller_is_killed(mesh: Mesh, trial: Trial) -> None:
    with trial.under_load() as load:
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
    pid = mesh.component("aws")["pid"]
    with trial.under_load():
        for _ in range(50):
            os.kill(pid, signal.SIGSTOP)
            last(0.3)
            os.kill(pid, signal.SIGCONT)
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
    if subprocess.run([MESH, "reindex", "--help"], capture_output=True, check=False).returncode:
        pytest.skip("there is no `mesh reindex` yet")
    poller = psutil.Process(mesh.component("poller")["pid"])
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
