"""A member of a group: librdkafka by confluent-kafka. It says what it has and what it gets, a line each."""

import json
import signal
import sys
import threading
from typing import Any

from confluent_kafka import Consumer

bootstrap, topic, group, strategy = sys.argv[1:]
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 500,
        "partition.assignment.strategy": strategy,
    }
)
consumer.subscribe([topic])
has: list[int] | None = None
while not stop.is_set():
    message = consumer.poll(0.1)
    now = sorted(one.partition for one in consumer.assignment())
    if now != has:
        has = now
        say({"has": has})
    if message is not None and not message.error():
        say({"got": [message.partition(), message.offset()]})
consumer.close()
