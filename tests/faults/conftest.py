"""One mesh for all faults, on a broker of ours behind a proxy; and the counts of each at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mesh.clients import tables
from mesh.clients.aws import physical_id
from mesh.state import State
from users.outbox import Outbox

from tests.e2e.conftest import api_url
from tests.e2e.mesh_command import Mesh
from tests.faults.broker import Broker
from tests.faults.load import Load
from tests.faults.trial import Trial

__all__ = ["api_url"]

_TRIALS = pytest.StashKey[list[Trial]]()
_COLUMNS = "{:<58}{:>8}{:>8}{:>7}{:>16}{:>7}{:>6}{:>6}{:>5}{:>9}{:>6}{:>10}{:>9}{:>8}{:>29}"
_HEADS = (
    *(
        "fault",
        "created",
        "updated",
        "erased",
        "errors",
        "stored",
        "found",
        "twice",
        "lost",
        "returned",
        "stale",
    ),
    *("strangers", "outbox", "found s", "request p50 / p99 / max ms"),
)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker") / "kafka.log")
    yield broker
    broker.close()


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Mesh]:
    home = tmp_path_factory.mktemp("faults") / "mesh"
    with warm_mesh(home, KAFKA_BOOTSTRAP_SERVERS=broker.address) as mesh:
        yield mesh


@contextmanager
def warm_mesh(home: Path, **environment: str) -> Iterator[Mesh]:
    """Have a mesh up whose functions have all started: their first starts are no fault."""
    mesh = Mesh(home, **environment)
    try:
        mesh.run("up")
        with Load(mesh.status()["api_url"]):
            pass
        yield mesh
    finally:
        mesh.run("down")


@pytest.fixture(scope="session")
def outbox(mesh: Mesh) -> Outbox:
    endpoint: str = mesh.status()["aws_endpoint_url"]
    table = physical_id(endpoint, "UsersTable")
    assert table is not None
    return tables.outbox(State(aws_endpoint_url=endpoint, users_table=table))


@pytest.fixture
def trial(api_url: str, outbox: Outbox, request: pytest.FixtureRequest) -> Trial:
    return keep(
        Trial(request.node.name.removeprefix("test_").replace("_", " "), api_url, outbox), request.config
    )


def keep(trial: Trial, config: pytest.Config) -> Trial:
    """Have a trial in the table at the end; return it."""
    config.stash.setdefault(_TRIALS, []).append(trial)
    return trial


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    trials = [trial for trial in config.stash.get(_TRIALS, []) if hasattr(trial, "verdict")]
    if not trials:
        return
    terminalreporter.section("faults")
    terminalreporter.line(_COLUMNS.format(*_HEADS))
    for trial in trials:
        terminalreporter.line(_COLUMNS.format(*_row(trial)))
    for trial in trials:
        if trial.notes:
            terminalreporter.line(f"{trial.name}: {trial.notes}")
    terminalreporter.line(
        "stored: of the creates that failed, the users who are there all the same, and found."
    )
    terminalreporter.line("outbox: the most events, and the greatest age in s, that were seen in it.")
    terminalreporter.line(
        "found s: from the end of the fault, with the load after it, until search agreed with the list."
    )


def _row(trial: Trial) -> tuple[object, ...]:
    verdict = trial.verdict
    return (
        trial.name,
        verdict.created,
        verdict.updated,
        verdict.erased,
        " ".join(f"{count}×{status}" for status, count in sorted(verdict.errors.items())) or 0,
        verdict.stored_though_error,
        verdict.found,
        verdict.twice,
        verdict.lost,
        verdict.returned,
        verdict.stale,
        verdict.strangers,
        f"{trial.backlog.size}, {trial.backlog.age_seconds:.0f}",
        f"{trial.settled_seconds:.0f}",
        trial.durations,
    )
