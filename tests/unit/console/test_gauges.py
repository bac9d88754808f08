"""What waits, and what tenants do, as poller and metrics tell."""

import pytest
from mesh.console.gauges import Gauges
from mesh.console.tenants import Tenants

from tests.unit.console.fakes import FakeErrands, FakeMesh, page


@pytest.fixture
def mesh() -> FakeMesh:
    return FakeMesh()


def test_given_tenants_that_called_when_listed_then_each_has_what_it_did_and_may_still_do(
    mesh: FakeMesh,
) -> None:
    known = {"acme": {"users": 2, "left": [{"group": "search", "remaining": 49, "burst": 50}]}}
    errands = FakeErrands(tenants=known)
    with page(Tenants(Gauges(lambda: mesh.state, mesh.client()), errands)) as client:
        rows = client.get("/api/tenants").json()["tenants"]
    counts = {"requests": 4, "searches": 0, "throttled": 1, "created": 0}
    assert rows == [
        {"tenant": "acme", "counts": counts, **known["acme"]},
        {"tenant": "_other", "counts": {**counts, "requests": 5, "throttled": 0}},
    ]
    assert errands.asked == [("tenants", {"names": ["acme"]})]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_given_metrics_of_long_ago_when_tenants_are_asked_for_then_they_are_asked_for_anew(
    mesh: FakeMesh, anyio_backend: str
) -> None:
    now = [0.0]
    gauges = Gauges(lambda: mesh.state, mesh.client(), lambda: now[0])
    assert (await gauges.tenants())["acme"]["requests"] == 4
    mesh.metrics = 'event_mesh_requests_total{status="201",tenant="acme"} 6\n'
    now[0] = 9
    assert (await gauges.tenants())["acme"]["requests"] == 4
    now[0] = 11
    assert (await gauges.tenants())["acme"]["requests"] == 6


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_given_poller_and_metrics_when_asked_then_what_waits_is_known(
    mesh: FakeMesh, anyio_backend: str
) -> None:
    gauges = Gauges(lambda: mesh.state, mesh.client())
    unknown = gauges.shown()
    assert (unknown["poller"], unknown["outbox"], unknown["points"], unknown["components"]) == (
        None,
        None,
        None,
        {},
    )
    await gauges.ask_poller()
    await gauges.ask_metrics()
    assert gauges.shown() == {
        "outbox": 4,
        "poller": {"state": "polling", "lag": {"0": 2, "2": 1}, "error": "no route"},
        "points": 9,
        "deadLetters": None,
        "relayed": None,
        "components": {"kafka": False},
    }
    mesh.state.poller_url = ""
    await gauges.ask_poller()
    assert gauges.shown()["poller"] is None
