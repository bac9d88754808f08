"""What the host itself counts, for Prometheus."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.registry import Collector

from function_host.pool import Pool
from function_host.runtime.worker import Result

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class HostMetrics:
    """The counters and histograms of one host, in a registry that /metrics shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "function_host_requests",
            "HTTP requests to the REST API, by route and status",
            ("method", "resource", "status"),
            registry=self.registry,
        )
        self.throttles = Counter(
            "function_host_throttles",
            "Invocations that found no worker in time",
            ("function",),
            registry=self.registry,
        )
        self._invocations = Counter(
            "function_host_invocations",
            "Invocations, by outcome: success, error, timeout or crash",
            ("function", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "function_host_invocation_duration_seconds",
            "What a worker took for an invocation",
            ("function",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def observe(self, function: str, result: Result) -> None:
        """Count an invocation that has ended."""
        self._invocations.labels(function, result.outcome).inc()
        self._seconds.labels(function).observe(result.seconds)


class Workers(Collector):
    """How many workers each function has at the moment, and may have."""

    def __init__(self, pools: Callable[[], Sequence[Pool]]) -> None:
        self._pools = pools

    def collect(self) -> Iterator[Metric]:
        """Yield one family."""
        family = Metric("function_host_workers", "Workers of a function: busy, idle, and the most", "gauge")
        for pool in self._pools():
            states = {
                "busy": pool.busy,
                "idle": max(0, pool.workers - pool.busy),
                "most": pool.function.workers,
            }
            for state, count in states.items():
                family.add_sample(family.name, {"function": pool.function.name, "state": state}, count)
        yield family
