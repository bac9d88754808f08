"""kafka-esm in one group with members of other clients: kafkajs, and librdkafka with any of its assignors."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka_esm.mappings.mapping import Mapping, Target

from tests.apache_kafka.broker import PLAINTEXT, Broker
from tests.apache_kafka.polled import polling
from tests.conformance.situation import Record
from tests.conformance.topic import Topic
from tests.integration.kafka_esm.conftest import eventually
from tests.throwaway import install, python_with

_MEMBERS = Path(__file__).with_name("members")
_KAFKAJS = "kafkajs@2.2.4"
_LIBRDKAFKA = "confluent-kafka==2.12.2"
_PARTITIONS = 4

Command = Callable[[Topic], list[str]]


@pytest.fixture(scope="session")
def kafkajs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("node"):
        pytest.skip("kafkajs wants Node.js")
    folder = tmp_path_factory.mktemp("kafkajs")
    install(_KAFKAJS, "npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), _KAFKAJS)
    return folder


@pytest.fixture(scope="session")
def librdkafka(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has it, apart from the project's."""
    return python_with(tmp_path_factory.mktemp("librdkafka"), _LIBRDKAFKA)


@pytest.fixture(
    params=["kafkajs", "librdkafka range", "librdkafka roundrobin", "librdkafka cooperative-sticky"]
)
def command(request: pytest.FixtureRequest) -> Command:
    """Return how a member is started."""
    client, _, strategy = request.param.partition(" ")
    where = request.getfixturevalue(client)

    def words(topic: Topic) -> list[str]:
        group = [topic.address, topic.name, topic.group]
        if client == "kafkajs":
            return ["node", str(_MEMBERS / "kafkajs.js"), str(where), *group]
        return [str(where), str(_MEMBERS / "librdkafka.py"), *group, strategy]

    return words


class Member:
    """Another client's member, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.has: list[int] = []
        self.got: set[tuple[int, int]] = set()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if "has" in said:
                self.has = sorted(said["has"])
            else:
                self.got.add((said["got"][0], said["got"][1]))


@contextmanager
def joined(command: list[str]) -> Iterator[Member]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        member = Member(process)
        reader = threading.Thread(target=member.read, daemon=True)
        reader.start()
        try:
            yield member
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()
            reader.join(5)


@pytest.fixture(scope="module")
def address(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = Broker(tmp_path_factory.mktemp("members") / "kafka")
    yield broker.listeners[PLAINTEXT].address
    broker.stop()


@pytest.mark.parametrize("first", ["the poller", "the other"])
def test_given_a_member_of_another_client_when_polled_then_they_share_the_partitions_until_it_leaves(
    address: str, command: Command, first: str
) -> None:
    with closing(Topic(address, _PARTITIONS, {}, failures=False)) as topic:
        mapping = Mapping(Target("f", 3), (address,), topic.name, topic.group, 100, 0, "TRIM_HORIZON")
        everything = {(partition, 0) for partition in range(_PARTITIONS)}

        def produce() -> None:
            topic.produce([Record(partition=partition) for partition in range(_PARTITIONS)])

        def share(member: Member, poller: Any) -> None:
            eventually("they share", lambda: len(member.has) == len(poller.poller.status.lag) == 2)
            produce()
            eventually("each gets its own", lambda: everything <= member.got | set(poller.delivered))
            assert {partition for partition, _ in poller.delivered}.isdisjoint(member.has)

        if first == "the poller":
            with polling(mapping) as poller:
                eventually("it has all", lambda: len(poller.poller.status.lag) == _PARTITIONS)
                with joined(command(topic)) as member:
                    share(member, poller)
                eventually("it has all again", lambda: len(poller.poller.status.lag) == _PARTITIONS)
                produce()
                eventually("all come", lambda: {(p, 1) for p, _ in everything} <= set(poller.delivered))
        else:
            with joined(command(topic)) as member:
                eventually("it has all", lambda: len(member.has) == _PARTITIONS)
                with polling(mapping) as poller:
                    share(member, poller)
                eventually("it has all again", lambda: len(member.has) == _PARTITIONS)
                produce()
                eventually("all come", lambda: {(p, 1) for p, _ in everything} <= member.got)
