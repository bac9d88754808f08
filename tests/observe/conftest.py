"""One mesh, and the Prometheus of this machine that `mesh up --observe` starts for it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from mesh import platforms
from mesh.errors import MeshError

from tests.e2e.conftest import _emulator
from tests.e2e.mesh_command import Mesh

__all__ = ["_emulator"]

LISTS = ("ListRatePerSecond=1", "ListBurst=2")  # so that somebody is throttled


class Line(NamedTuple):
    """One line of a panel: its labels, and its points, by time."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class Prometheus:
    """What Prometheus' API says."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"{address}/api/v1", timeout=10)

    def now(self, query: str) -> list[float]:
        """Return the values of a query at this moment."""
        return [float(each["value"][1]) for each in self._ask("query", query=query)["result"]]

    def lines(self, query: str, start: float, end: float) -> list[Line]:
        """Return what a panel over that time would draw of the query."""
        found = self._ask("query_range", query=query, start=start, end=end, step=5)["result"]
        lines = [
            Line(each["metric"], [(at, float(value)) for at, value in each["values"] if value != "NaN"])
            for each in found
        ]
        return [line for line in lines if line.points]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        alerts = self._ask("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def _ask(self, path: str, **parameters: Any) -> Any:
        answer = self._http.get(f"/{path}", params=parameters)
        assert answer.is_success, answer.text
        return answer.json()["data"]


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    """Have Debian's Prometheus installed where that can be done, or skip: MeshError says what to install."""
    try:
        platforms.install_programs({"prometheus": "prometheus", "promtool": "prometheus"})
    except MeshError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path_factory.mktemp("observe") / "mesh")
    try:
        mesh.run("up", "--observe", *[word for each in LISTS for word in ("--parameter", each)])
        yield mesh
    finally:
        mesh.run("down")


@pytest.fixture(scope="session")
def prometheus(mesh: Mesh) -> Prometheus:
    return Prometheus(mesh.component("prometheus")["address"])
