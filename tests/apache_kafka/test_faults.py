"""What Kafka itself can do to a mesh under load: nobody is lost, twice, old, or back."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from mesh import components, process
from mesh.deployment import template_parameters
from mesh.process import is_running, wait_until

from tests.apache_kafka.second_broker import NOBODY, await_leader, leaders, second_broker
from tests.e2e.mesh_command import Mesh
from tests.e2e.test_dead_letters import created, produce
from tests.faults import harm
from tests.faults.harm import AWAIT_SECONDS, kill, last, start_again
from tests.faults.load import PER_SECOND
from tests.faults.trial import Trial

pytestmark = pytest.mark.timeout(400)

TOPIC, GROUP = "user.events", "event-mesh.enrich"


def lag(mesh: Mesh) -> dict[str, int | None]:
    """Return the lag of each partition that the mesh's poller has."""
    mappings = mesh.status()["mappings"]
    found: dict[str, int | None] = mappings[0]["lag"] if mappings else {}
    return found


def ends_of(admin: KafkaAdminClient, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the offset after the last record of each partition."""
    found = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return {partition: each.offset for partition, each in found.items()}


def fill(disk: Path) -> Path:
    """Write zeros to a disk until it takes no more, whoever else writes to it; return their file."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return ballast


def test_the_broker_is_killed_and_starts_again_10_s_later(mesh: Mesh, trial: Trial) -> None:
    with trial.under_load() as load:
        kill(mesh, "kafka")
        load.go_on(PER_SECOND)
        last(10)
        start_again(mesh)

    verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})
    assert trial.backlog.size > 0
    assert mesh.status()["outbox"] == {"size": 0, "age_seconds": 0.0}


def test_the_broker_stands_still_for_20_s(mesh: Mesh, trial: Trial) -> None:
    broker = harm.process(mesh, "kafka")
    with trial.under_load():
        broker.suspend()
        last(20)
        broker.resume()

    verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})
    assert trial.backlog.size > 0


def test_partitions_are_added(mesh: Mesh, trial: Trial, admin: KafkaAdminClient) -> None:
    before = len(lag(mesh))
    tenant, partitions = f"tenant-{uuid4().hex[:12]}", before + 3
    with trial.under_load() as load:
        admin.create_partitions({TOPIC: partitions})
        assert wait_until(lambda: len(lag(mesh)) == partitions, AWAIT_SECONDS)
        places = produce(mesh, [created(tenant, number) for number in range(1, partitions + 1)])
        load.go_on()

    verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})
    assert {partition for partition, _ in places} == set(range(partitions))
    with mesh.client(tenant) as client:
        assert wait_until(lambda: len(client.search("Pat", 50)) == partitions, AWAIT_SECONDS)


def test_half_of_the_partitions_have_no_leader(mesh: Mesh, trial: Trial, tmp_path: Path) -> None:
    """Their only broker is gone for a while: who belongs there waits, and the rest goes on."""
    half = {number for number in leaders(mesh, TOPIC) if number % 2}
    with second_broker(mesh, tmp_path, TOPIC, half) as second:
        with trial.under_load() as load:
            second.kill()
            await_leader(mesh, TOPIC, half, NOBODY)
            load.go_on()
            assert wait_until(lambda: bool(trial.waiting()), AWAIT_SECONDS)
            second.start()
        verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})
    assert wait_until(lambda: set(lag(mesh).values()) == {0}, AWAIT_SECONDS)


@contextmanager
def second_poller(mesh: Mesh) -> Iterator[str]:
    """Have another poller share the work; yields its address."""
    state, port = mesh.state(), process.free_port()
    command = components.poller_command(port, state.aws_endpoint_url, template_parameters.given(state))
    log = mesh.home / "logs" / "second-poller.log"
    poller = process.start(command, components.invoker_environment(), log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop(poller, AWAIT_SECONDS)


def test_one_of_two_pollers_freezes_until_it_is_evicted(mesh: Mesh, trial: Trial) -> None:
    everything = len(lag(mesh))
    first = harm.process(mesh, "poller")
    with trial.under_load() as load, second_poller(mesh) as second:

        def partitions() -> int:
            try:
                return len(httpx.get(f"{second}/healthz").json()["mappings"][0]["lag"])
            except httpx.HTTPError:
                return 0

        assert wait_until(lambda: 0 < partitions() < everything, AWAIT_SECONDS)
        load.go_on()
        first.suspend()
        try:
            assert wait_until(lambda: partitions() == everything, AWAIT_SECONDS)
            load.go_on()
        finally:
            first.resume()
        assert wait_until(lambda: 0 < partitions() < everything, AWAIT_SECONDS)

    verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})


@contextmanager
def not_compacted(admin: KafkaAdminClient) -> Iterator[None]:
    """Let records be deleted: a compacted topic does not."""
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"cleanup.policy": "delete"})])
        yield
    finally:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"cleanup.policy": "compact"})])


@pytest.mark.parametrize("where", ["beyond the end", "before the start"])
def test_the_groups_offsets_are_out_of_range(
    mesh: Mesh, trial: Trial, admin: KafkaAdminClient, where: str
) -> None:
    """The mapping starts again where it would without offsets: what is done twice changes nothing."""
    partitions = [TopicPartition(TOPIC, number) for number in range(len(lag(mesh)))]
    with trial.under_load() as load:
        poller = harm.process(mesh, "poller")
        poller.terminate()
        assert wait_until(lambda: not is_running(poller), AWAIT_SECONDS)
        load.go_on()
        if where == "before the start":
            committed, ends = admin.list_group_offsets(GROUP)[GROUP], ends_of(admin, partitions)
            done = {each: committed[each].offset for each in partitions if each in committed}
            with not_compacted(admin):
                admin.delete_records(
                    {each: offset for each, offset in done.items() if 0 < offset <= ends[each]}
                )
            offset = 0
        else:
            offset = 10**12
        admin.alter_group_offsets(GROUP, {each: OffsetAndMetadata(offset, "", -1) for each in partitions})
        start_again(mesh)
        load.go_on()

    verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})
    assert wait_until(lambda: set(lag(mesh).values()) == {0}, AWAIT_SECONDS)


def test_the_topic_is_deleted_and_made_again(mesh: Mesh, trial: Trial, admin: KafkaAdminClient) -> None:
    """What nobody had read is lost with the topic: `mesh reindex` publishes every user again."""
    with trial.under_load() as load:
        admin.delete_topics([TOPIC])
        load.go_on()
        assert mesh.status()["outbox"]["size"] > 0

    mesh.run("reindex")
    verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})
    assert len(lag(mesh)) == 6


def test_the_disk_of_the_broker_is_full(mesh: Mesh, trial: Trial) -> None:
    """Kafka ends, for it has no other disk; with room again it starts where it was."""
    disk = mesh.home / "data" / "kafka"
    if not disk.is_mount():
        pytest.skip("a disk of its own for the broker takes root on Linux")
    broker = harm.process(mesh, "kafka")
    with trial.under_load() as load:
        ballast = fill(disk)
        assert wait_until(lambda: not is_running(broker), 120)
        load.go_on()
        assert mesh.status()["state"] == "degraded"
        ballast.unlink()
        start_again(mesh)

    verdict = trial.settle()
    assert (verdict.wrong, verdict.errors) == ({}, {})
    assert trial.backlog.size > 0
