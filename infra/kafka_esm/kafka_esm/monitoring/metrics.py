"""What `/metrics` shows of every mapping, in Prometheus' text format."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kafka_esm.mappings.mapping import Mapping
from kafka_esm.monitoring.status import Status

_LABELS = ("function", "topic")
_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 60, 120, 300, 900)


@dataclass(frozen=True, slots=True)
class Meters:
    """What is counted as it happens."""

    polled: Counter
    filtered: Counter
    delivered: Counter
    failed: Counter
    dead_lettered: Counter
    discarded: Counter
    batch_records: Histogram
    invoke_seconds: Histogram


def families(registry: CollectorRegistry) -> Meters:
    """Return the meters of all mappings together, registered."""

    def counter(name: str, text: str) -> Counter:
        return Counter(name, text, _LABELS, namespace="kafka_esm", registry=registry)

    def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(name, text, _LABELS, namespace="kafka_esm", registry=registry, buckets=buckets)

    return Meters(
        polled=counter("records_polled", "Records received from Kafka"),
        filtered=counter("records_filtered", "Records that no filter matched"),
        delivered=counter("records_delivered", "Records that the function processed"),
        failed=counter("records_failed", "Records of an attempt that have to be tried again or given up"),
        dead_lettered=counter("records_dead_lettered", "Records put into the failure destination"),
        discarded=counter("records_discarded", "Records given up without a failure destination"),
        batch_records=histogram("batch_records", "Records of an invocation", _BATCH_BUCKETS),
        invoke_seconds=histogram("invoke_seconds", "Duration of an invocation", _SECONDS_BUCKETS),
    )


def meters_of(mapping: Mapping, all_of_them: Meters) -> Meters:
    """Return one mapping's meters."""
    names = (mapping.target.name, mapping.topic)
    return Meters(*(getattr(all_of_them, field.name).labels(*names) for field in fields(Meters)))


class StatusCollector(Collector):
    """What the pollers' status says, as it is when it is asked for."""

    def __init__(self, read: Callable[[], Sequence[tuple[Mapping, Status]]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Return lag, partitions that are stopped, retries and invocations in flight."""
        lag = GaugeMetricFamily(
            "kafka_esm_consumer_lag_records", "Records not yet processed", labels=(*_LABELS, "partition")
        )
        retries = CounterMetricFamily("kafka_esm_retries", "Batches scheduled again", labels=_LABELS)
        in_flight = GaugeMetricFamily("kafka_esm_in_flight", "Invocations in flight", labels=_LABELS)
        stopped = GaugeMetricFamily(
            "kafka_esm_partition_stopped",
            "1 if the partition cannot go on by itself, else 0",
            labels=(*_LABELS, "partition"),
        )
        for mapping, status in self._read():
            names = (mapping.target.name, mapping.topic)
            for partition, records in status.lag.items():
                labels = (*names, partition.rsplit("-", 1)[-1])
                stopped.add_metric(labels, partition in status.stopped)
                if records is not None:
                    lag.add_metric(labels, records)
            retries.add_metric(names, status.retries)
            in_flight.add_metric(names, status.in_flight)
        return (lag, stopped, retries, in_flight)
