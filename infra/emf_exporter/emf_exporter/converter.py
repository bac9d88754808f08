"""Measurements as Prometheus' metrics: counts are counters, times histograms in seconds, the rest gauges."""

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import Metric

from emf_exporter.documents import MalformedError, Measurement, measurements
from emf_exporter.heaviest import Heaviest

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_SECONDS = {"Seconds": 1.0, "Milliseconds": 1e-3, "Microseconds": 1e-6}
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")

Kind = Literal["counter", "histogram", "gauge"]
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Rules:
    """What EMF does not say of its metrics, by their names there."""

    gauges: Set[str] = frozenset()  # of Count or a time, and yet no event: the last value is what counts
    # Properties that are labels, and of which metrics: each value of one multiplies the series.
    labels: Mapping[str, Set[str]] = field(default_factory=dict)
    bounded: Mapping[str, int] = field(
        default_factory=dict
    )  # properties of any value, and how many get a label
    gauge_seconds: float = 120  # a gauge that nobody has set for so long is not shown any more


@dataclass
class _Series:
    """The values with one set of labels.

    It is shown at zero once before it has its value: Prometheus counts an increase from one sample to the
    next, and would never see the first event of a counter that appears with it.
    """

    sum: float = 0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    set_at: float = 0
    shown: bool = False


class Converter:
    """Takes log lines, and shows what they measured since the first of them."""

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.time) -> None:
        self._rules = rules
        self._clock = clock
        self._heaviest = {name: Heaviest(most) for name, most in rules.bounded.items()}
        self._families: dict[tuple[str, Kind], dict[Labels, _Series]] = {}
        self._documents = {"read": 0, "malformed": 0}

    def add(self, line: str) -> None:
        """Take a log line; one that measured nothing changes nothing."""
        try:
            found = measurements(line)
        except MalformedError:
            self._documents["malformed"] += 1
            return
        self._documents["read"] += bool(found)
        bounded = self._bounded(found)
        for each in found:
            self._measure(each, bounded)

    def collect(self) -> Iterator[Metric]:
        """Yield the families, by name."""
        for (name, kind), series in sorted(self._families.items()):
            family = Metric(name, "As functions write it into their logs", kind)
            for labels, each in sorted(series.items()):
                if kind == "gauge" and self._clock() - each.set_at > self._rules.gauge_seconds:
                    continue
                _show(family, kind, dict(labels), each)
                each.shown = True
            yield family
        read = Metric("emf_exporter_documents", "EMF documents in the logs that were read", "counter")
        for outcome, count in self._documents.items():
            read.add_sample("emf_exporter_documents_total", {"outcome": outcome}, count)
        yield read

    def _bounded(self, found: list[Measurement]) -> dict[str, str]:
        """Return the labels of a document's properties of any value; who lost a label, loses its series."""
        labels = {}
        for name, heaviest in self._heaviest.items():
            if not found or not (value := found[0].property(name)):
                continue
            labels[name], dropped = heaviest.label(value)
            if dropped is not None:
                gone = (_snake(name), dropped)
                for series in self._families.values():
                    for each in [each for each in series if gone in each]:
                        del series[each]
        return labels

    def _measure(self, measured: Measurement, bounded: Mapping[str, str]) -> None:
        name, kind, scale = _named(measured, self._rules.gauges)
        labels = {_snake(key): value for key, value in measured.dimensions.items()}
        for key, metrics in self._rules.labels.items():
            if measured.name in metrics:
                labels[_snake(key)] = bounded.get(key, measured.property(key))
        series = self._families.setdefault((name, kind), {}).setdefault(
            tuple(sorted(labels.items())), _Series()
        )
        for value in (value * scale for value in measured.values):
            if kind == "gauge":
                series.sum, series.set_at = value, self._clock()
                continue
            series.sum += value
            if kind == "histogram":
                series.counts[bisect_left(BUCKETS, value)] += 1


def _named(measured: Measurement, gauges: Set[str]) -> tuple[str, Kind, float]:
    """Return a metric's name in Prometheus without its suffix, its kind, and what its values are times."""
    name = f"{_snake(measured.namespace)}_{_snake(measured.name)}"
    scale = _SECONDS.get(measured.unit)
    suffix = "" if scale is None else "_seconds"
    if measured.name in gauges or (scale is None and measured.unit != "Count"):
        return name + suffix, "gauge", scale or 1
    return (name, "counter", 1) if scale is None else (name + suffix, "histogram", scale)


def _show(family: Metric, kind: Kind, labels: dict[str, str], series: _Series) -> None:
    if kind == "gauge":
        family.add_sample(family.name, labels, series.sum)
        return
    if kind == "counter":
        family.add_sample(f"{family.name}_total", labels, series.sum if series.shown else 0)
        return
    count = 0
    for bound, here in zip((*map(str, BUCKETS), "+Inf"), series.counts, strict=True):
        count += here if series.shown else 0
        family.add_sample(f"{family.name}_bucket", {**labels, "le": bound}, count)
    family.add_sample(f"{family.name}_count", labels, count)
    family.add_sample(f"{family.name}_sum", labels, series.sum if series.shown else 0)


def _snake(name: str) -> str:
    """Return a name that Prometheus takes: anything else would take all other metrics with it."""
    words = _WORDS.sub("_", name).strip("_").lower()
    return words if words[:1].isalpha() else f"_{words}"
