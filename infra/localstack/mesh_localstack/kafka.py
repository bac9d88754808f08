"""Event source mappings for self-managed Kafka: LocalStack keeps them, kafka_esm polls them.

LAMBDA_KAFKA_POLLER=external leaves the polling to a `kafka-esm` process, to be watched and stopped by itself.
"""

import os
from threading import Event, Thread
from typing import Any

from kafka_esm.mappings import api
from kafka_esm.monitoring.metrics import families, meters_of
from kafka_esm.run import RunOptions, make_poller
from localstack import config
from localstack.aws.api.lambda_ import InvalidParameterValueException
from localstack.aws.connect import connect_to
from localstack.services.lambda_.event_source_mapping.pollers.poller import Poller
from prometheus_client import CollectorRegistry

_DRAIN_SECONDS = 5.0
_EXTERNAL = os.environ.get("LAMBDA_KAFKA_POLLER") == "external"


def complete(defaults: dict[str, Any], request: dict[str, Any]) -> None:
    """Give a mapping for Kafka Lambda's defaults, and the API's spelling for CloudFormation's."""
    source = request.get("SelfManagedEventSource")
    if not source:
        return
    endpoints = source["Endpoints"]
    if "KafkaBootstrapServers" in endpoints:
        endpoints["KAFKA_BOOTSTRAP_SERVERS"] = endpoints.pop("KafkaBootstrapServers")
    defaults |= {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": defaults["UUID"]},
    }


class KafkaPoller(Poller):  # type: ignore[misc]
    """A mapping's poller. It runs in a thread of its own from the first poll until it is closed."""

    def __init__(self, mapping: dict[str, Any], processor: Any) -> None:
        super().__init__(processor=processor)
        self._mapping = mapping
        self._stop = Event()
        self._thread: Thread | None = None

    def event_source(self) -> str:
        """Return the source's name, as in its events."""
        return "SelfManagedKafka"

    def poll_events(self) -> None:
        """Start polling, unless it goes on already: LocalStack calls this again and again."""
        if self._thread is None and not _EXTERNAL:
            self._stop.clear()
            self._thread = Thread(target=_poller(self._mapping, self._stop).run, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop polling; what is in flight may end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * _DRAIN_SECONDS)
            self._thread = None


def _poller(mapping: dict[str, Any], stop: Event) -> Any:
    _, _, _, region, account, *_ = mapping["FunctionArn"].split(":")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, account)  # LocalStack knows the account by the key
    functions = connect_to(aws_access_key_id=account, region_name=region).lambda_
    found = api.found_mapping(functions, mapping)
    if found.mapping is None:
        raise InvalidParameterValueException(str(found.error), Type="User")
    options = RunOptions(config.internal_service_url(), region, drain_seconds=_DRAIN_SECONDS)
    return make_poller(found.mapping, options, stop, meters_of(found.mapping, families(CollectorRegistry())))
