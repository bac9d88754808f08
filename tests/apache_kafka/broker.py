"""Apache Kafka by itself, as a mesh starts it, and what clients do with it."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from mesh import components, process
from mesh.deployment import build
from mesh.kafka import apache_kafka
from mesh.kafka.apache_kafka import Access, Listener
from mesh.kafka.certificates import Certificate
from mesh.state import Component

HOST = "127.0.0.1"
PLAINTEXT, SECURE = range(2)


class Broker:
    """A broker with one listener of each kind, that can be killed and started again."""

    def __init__(
        self,
        folder: Path,
        host: str = HOST,
        certificate: Certificate | None = None,
        others: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.log = folder, folder.with_suffix(".log")
        self.access = apache_kafka.secure(folder, host, certificate)
        self.others = others or {}  # settings that no mesh has: they come last, and win
        self.listeners = [
            Listener(host, process.free_port(), secure=kind == SECURE) for kind in (PLAINTEXT, SECURE)
        ]
        self.start()

    def start(self) -> None:
        command = apache_kafka.prepare(self.folder, self.listeners, self.access)
        with (self.folder / "server.properties").open("a") as settings:
            settings.writelines(f"{name}={value}\n" for name, value in self.others.items())
        self.process = process.start(command, build.base_environment(), self.log)
        for listener in self.listeners:
            components.wait_ready(
                Component(components.KAFKA, listener.address, self.process.pid, str(self.log))
            )

    def client(self, kind: int, **others: Any) -> dict[str, Any]:
        """Return how a client reaches a listener."""
        settings = {"bootstrap_servers": self.listeners[kind].address}
        return {**settings, **(with_password(self.access) if kind == SECURE else {}), **others}

    def stop(self) -> None:
        process.stop(self.process, patience=10)


def with_password(access: Access) -> dict[str, Any]:
    return {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": apache_kafka.MECHANISM,
        "sasl_plain_username": access.username,
        "sasl_plain_password": access.password,
        "ssl_context": ssl.create_default_context(cadata=access.root_ca),
    }


def create(topic: str, client: dict[str, Any]) -> None:
    admin = KafkaAdminClient(**client)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()


def produce(topic: str, value: bytes, client: dict[str, Any]) -> None:
    producer = KafkaProducer(**client, acks="all")
    producer.send(topic, value).get(timeout=30)
    producer.close()


def consume(topic: str, client: dict[str, Any]) -> list[bytes]:
    """Return what is in the topic, at least one value."""
    consumer = KafkaConsumer(topic, **client, auto_offset_reset="earliest", consumer_timeout_ms=30_000)
    first = next(consumer)
    more = [record for records in consumer.poll().values() for record in records]
    consumer.close()
    return [record.value for record in [first, *more]]
