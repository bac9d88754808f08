"""What a scrape finds out of components, stores and poller, beside what functions write."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import psutil
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from mesh import process
from mesh.state import Component

_SECONDS = 2
_NOT_THERE = (OSError, HTTPException, ValueError, KeyError)  # it is away, or is not what we know

Components = Callable[[], Iterable[Component]]


class ComponentCollector(Collector):
    """Whether each component works, and what it takes of the machine, with all that it has started."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        names = ["component"]
        up = GaugeMetricFamily(
            "mesh_component_up", "1 if it runs and takes connections, else 0", labels=names
        )
        memory = GaugeMetricFamily("mesh_component_memory_bytes", "Resident memory", labels=names)
        processor = CounterMetricFamily("mesh_component_cpu_seconds", "Processor time", labels=names)
        for each in self._components():
            up.add_metric([each.name], each.state != "crashed" and _listens(each))
            if family := _family(each):
                memory.add_metric([each.name], sum(taken[0] for taken in family))
                processor.add_metric([each.name], sum(taken[1] for taken in family))
        return iter((up, memory, processor))


class QdrantCollector(Collector):
    """How many points each collection has."""

    def __init__(self, url: Callable[[], str | None]) -> None:
        self._url = url

    def collect(self) -> Iterator[Metric]:
        """Yield one family, empty while Qdrant does not answer."""
        points = GaugeMetricFamily("mesh_qdrant_points", "Points of a collection", labels=["collection"])
        url = self._url()
        with suppress(*_NOT_THERE):
            for collection in _json(f"{url}/collections")["collections"] if url else ():
                name = collection["name"]
                points.add_metric([name], _json(f"{url}/collections/{quote(name)}")["points_count"])
        yield points


class PollerCollector(Collector):
    """The poller's own metrics, as they are: one address is enough to scrape a mesh."""

    def __init__(self, url: Callable[[], str | None]) -> None:
        self._url = url

    def collect(self) -> Iterator[Metric]:
        """Yield its families, none while it does not answer."""
        with suppress(*_NOT_THERE):
            if url := self._url():
                families = list(text_string_to_metric_families(_read(f"{url}/metrics").decode()))
                # A counter's beginning comes as a gauge, of a name that OpenMetrics keeps for the former.
                yield from (family for family in families if not family.name.endswith("_created"))


def _listens(component: Component) -> bool:
    address = component.address
    if address.startswith("http"):
        address = urlsplit(address).netloc
    return ":" not in address or process.takes_connections(address)


def _family(component: Component) -> list[tuple[int, float]]:
    """Return memory and processor time of a component's processes; none for what is not ours."""
    found: list[tuple[int, float]] = []
    if component.pid is None:
        return found
    with suppress(psutil.Error):
        leader = psutil.Process(component.pid)
        for each in (leader, *leader.children(recursive=True)):
            with suppress(psutil.Error), each.oneshot():
                times = each.cpu_times()
                found.append((each.memory_info().rss, times.user + times.system))
    return found


def _json(url: str) -> Any:
    return json.loads(_read(url))["result"]


def _read(url: str) -> bytes:
    with urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - addresses of this mesh
        content: bytes = answer.read()
    return content
