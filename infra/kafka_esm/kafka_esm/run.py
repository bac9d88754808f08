"""Polls every mapping until a signal comes."""

import functools
import logging
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from kafka_esm.aws import api_client
from kafka_esm.batching.policy import ItemFailures, Policy
from kafka_esm.check import ALL_OFF
from kafka_esm.consumer.access import kafka_security, registry_access
from kafka_esm.consumer.filters import compile_patterns
from kafka_esm.consumer.source import Isolation, connect
from kafka_esm.delivery.attempt import Invoke, deliver
from kafka_esm.delivery.destinations import open_destination
from kafka_esm.delivery.failures import give_up
from kafka_esm.delivery.invoke import COLD_START_SECONDS, invoke, lambda_client
from kafka_esm.delivery.outcome import Outcome, Sent
from kafka_esm.errors import AccessDenied, ConfigurationError
from kafka_esm.mappings.mapping import Mapping
from kafka_esm.monitoring import health
from kafka_esm.monitoring.metrics import Meters, StatusCollector, families, meters_of
from kafka_esm.poller import Poller
from kafka_esm.schemas.records import Read, reader
from kafka_esm.supervisor import Look, Supervisor

_LOG = logging.getLogger("kafka_esm")
# The kernel may give a signal to another thread, and that does not wake the first one, which is to handle it.
_LOOK_SECONDS = 0.5
# Beyond the drain limit: a last poll, the commit, and leaving the group.
_CLOSE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says about all mappings."""

    endpoint_url: str
    region: str
    health_port: int | None = None
    health_host: str = "127.0.0.1"
    drain_seconds: float = 30.0
    session_timeout_seconds: float = 6.0
    max_concurrency: int = 10
    item_failures: ItemFailures = "from-first"
    plaintext: bool = False
    isolation: Isolation = "read_uncommitted"
    cold_start_seconds: float = COLD_START_SECONDS


def run(mappings: Sequence[Mapping], options: RunOptions, look: Look | None = None) -> None:
    """Poll the mappings that are enabled until SIGTERM or SIGINT, and then drain.

    With `look`, which returns the mappings as they are now, changes are followed, and a mapping that cannot
    be polled ends only itself.

    Raises:
        ConfigurationError: none is enabled, or something that they name cannot be used.
        AccessDenied: a broker refuses access.

    """
    _log_mappings(mappings)
    enabled = [mapping for mapping in mappings if mapping.enabled]
    if not enabled and look is None:
        raise ConfigurationError(ALL_OFF)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    registry = CollectorRegistry()
    meters = families(registry)
    supervisor = Supervisor(
        lambda mapping, stop: make_poller(mapping, options, stop, meters_of(mapping, meters))
    )
    supervisor.prepare(enabled, ends_alone=look is not None)
    if options.health_port is not None:
        registry.register(StatusCollector(supervisor.statuses))
        health.serve(
            options.health_host, options.health_port, supervisor.statuses, supervisor.alive, registry
        )
    supervisor.start()
    if look is not None:
        threading.Thread(target=supervisor.follow, args=(look, stop), daemon=True).start()
    while not supervisor.given_up and not stop.wait(_LOOK_SECONDS):
        pass
    _LOG.info("stopping")
    stop.set()
    supervisor.stop(options.drain_seconds + _CLOSE_SECONDS)
    if supervisor.given_up:
        raise AccessDenied("; ".join(supervisor.fatal))


def _log_mappings(mappings: Sequence[Mapping]) -> None:
    for mapping in mappings:
        names = {"function": mapping.target.name, "topic": mapping.topic, "group": mapping.group}
        for note in mapping.notes:
            _LOG.info(note, extra=names)
        for finding in mapping.findings:
            _LOG.info("on AWS, %s", finding.message, extra=names)
        _LOG.info("mapping" if mapping.enabled else "mapping is not enabled: it is not polled", extra=names)


def make_poller(mapping: Mapping, options: RunOptions, stop: threading.Event, meters: Meters) -> Poller:
    """Return the poller of one mapping; its `run` polls until `stop` is set.

    Raises:
        ConfigurationError: something that the mapping names cannot be used.

    """
    if not mapping.bootstrap_servers:
        raise ConfigurationError(
            f"the brokers of {mapping.event_source_arn} are not known: "
            f"pass --bootstrap {mapping.event_source_arn}=host:port,…"
        )
    concurrency = min(mapping.pollers or options.max_concurrency, options.max_concurrency)
    security = functools.partial(_security, mapping, options)
    security()  # what cannot be used shall be known at the start
    give_up_batch = None
    if mapping.destination is not None:
        destination = open_destination(
            mapping.destination,
            options.endpoint_url,
            options.region,
            lambda: {"bootstrap_servers": list(mapping.bootstrap_servers), **security()},
        )
        give_up_batch = functools.partial(give_up, destination, mapping, options.region)
    return Poller(
        mapping,
        Policy(
            max_retries=mapping.max_retries,
            max_age_seconds=mapping.max_age_seconds,
            bisect=mapping.bisect,
            item_failures=options.item_failures,
            has_destination=give_up_batch is not None,
            concurrency=concurrency,
            wanted=compile_patterns(mapping.filters),
            read=_reader(mapping, options),
        ),
        lambda: connect(mapping, options.session_timeout_seconds, security(), options.isolation),
        functools.partial(
            deliver,
            bootstrap=mapping.bootstrap,
            arn=mapping.event_source_arn,
            invoke=_invoke(mapping, options, concurrency),
            give_up=give_up_batch,
        ),
        stop,
        meters,
        drain_seconds=options.drain_seconds,
    )


def _security(mapping: Mapping, options: RunOptions) -> dict[str, Any]:
    """Return kafka-python's options for TLS and SASL, with the secrets as they are now."""
    if not mapping.access and not mapping.tls:
        return {}
    secrets = api_client("secretsmanager", options.endpoint_url, options.region)
    return kafka_security(mapping.access, secrets, plaintext=options.plaintext, tls=mapping.tls)


def _reader(mapping: Mapping, options: RunOptions) -> Read | None:
    """Return what checks records by the mapping's schema registry, if it has one."""
    config = mapping.schema_registry
    if config is None:
        return None
    # The libraries for the formats are an extra: nobody else needs them.
    from kafka_esm.schemas import confluent, glue
    from kafka_esm.schemas.registry import Registry

    if config.glue:
        client = api_client("glue", options.endpoint_url, config.uri.split(":")[3] or options.region)
        return reader(config, Registry(functools.partial(glue.load, client=client)).find)

    def credentials() -> confluent.Credentials:
        if not config.access:
            return confluent.Credentials(None, {})
        secrets = api_client("secretsmanager", options.endpoint_url, options.region)
        return confluent.Credentials(*registry_access(config.access, secrets))

    credentials()  # what cannot be used shall be known at the start
    get = confluent.http(config, credentials)
    return reader(config, Registry(functools.partial(confluent.load, get=get)).find)


def _invoke(mapping: Mapping, options: RunOptions, concurrency: int) -> Invoke:
    client = lambda_client(
        options.endpoint_url,
        options.region,
        mapping.target.timeout_seconds,
        connections=concurrency,
        cold_start_seconds=options.cold_start_seconds,
    )

    def invoke_function(payload: bytes, sent: Sent) -> Outcome:
        return invoke(client, mapping.target.name, payload, sent if mapping.report_item_failures else None)

    return invoke_function
