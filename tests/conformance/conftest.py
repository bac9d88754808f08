"""Situations are played side by side on one broker of each kind, each with a topic and a group of its own."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mesh import paths
from mesh.errors import MeshError
from mesh.kafka import apache_kafka

from tests.apache_kafka.broker import PLAINTEXT
from tests.apache_kafka.broker import Broker as ApacheKafka
from tests.conformance.scene import play
from tests.conformance.situation import Situation
from tests.integration.kafka_esm.conftest import Broker as Tansu

# kafka-esm, unless POLLER says what else is to be tried.
OURS = f"{sys.executable} -m kafka_esm run --template {{template}}"
_AT_ONCE = 6

Play = Callable[[Situation, str], None]


class Brokers:
    """Tansu, and Apache Kafka: each is started when the first one asks for its address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._tansu: Tansu | None = None
        self._kafka: ApacheKafka | str | None = None

    def address(self, kind: str) -> str:
        with self._lock:
            if kind == "any":
                if self._tansu is None:
                    self._tansu = Tansu()
                    self._tansu.start()
                return self._tansu.address
            if self._kafka is None:
                self._kafka = self._apache_kafka()
            if isinstance(self._kafka, str):
                pytest.skip(self._kafka)
            return self._kafka.listeners[PLAINTEXT].address

    def _apache_kafka(self) -> ApacheKafka | str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(paths, "LOGS", self._folder)
            try:
                apache_kafka.install()
            except MeshError as error:
                return str(error)
        return ApacheKafka(self._folder / "kafka")

    def stop(self) -> None:
        for broker in (self._tansu, self._kafka):
            if not isinstance(broker, str | None):
                broker.stop()


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    made = Brokers(tmp_path_factory.mktemp("brokers"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def play_with(brokers: Brokers, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Play a situation with a poller."""

    def _play(situation: Situation, command: str) -> None:
        play(situation, command, brokers.address(situation.broker), tmp_path_factory.mktemp(situation.name))

    return _play


@pytest.fixture(scope="session")
def playing(request: pytest.FixtureRequest, play_with: Play) -> Iterator[Callable[[Situation], Future[None]]]:
    """Every situation that was chosen, under way."""
    chosen: list[Any] = [
        item.callspec.params["situation"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and "situation" in item.callspec.params
    ]
    command = os.environ.get("POLLER") or OURS
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        plays = {each.name: pool.submit(partial(play_with, each, command)) for each in chosen}
        yield lambda situation: plays[situation.name]
        for future in plays.values():
            future.cancel()
