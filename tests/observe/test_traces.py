"""From the trace id that a create answers with, the whole way to searchable is seen."""

from typing import Any

import httpx
from mesh import process

from tests.e2e.mesh_command import Mesh

_SECONDS = 60


def test_given_a_create_when_its_trace_is_asked_for_then_it_leads_to_the_index(mesh: Mesh) -> None:
    api_url = mesh.status()["api_url"]
    traces = mesh.component("console")["address"]
    ada = {"email": "ada@lovelace.dev", "name": "Ada Lovelace", "profile": "weaves engines"}
    created = httpx.post(
        f"{api_url}/users/create",
        json=ada,
        headers={"Authorization": mesh.authorization("tenant-traced")},
        timeout=60,
    )
    assert created.status_code == 201, created.text
    trace_id = created.headers["traceresponse"].split("-")[1]

    def way() -> list[dict[str, Any]]:
        spans: list[dict[str, Any]] = httpx.get(f"{traces}/traces/{trace_id}").json().get("spans", [])
        return spans

    arrived = process.wait_until(lambda: any("upsert" in span["name"] for span in way()), _SECONDS)
    spans = way()
    names = [span["name"] for span in spans]
    assert arrived, names
    assert {"POST /users/create", "create user.events", "send user.events", "process user.events"} <= set(
        names
    )
    assert len(spans) >= 6
    assert {span["parentSpanId"] for span in spans} <= {None, *(span["spanId"] for span in spans)}
    shown = mesh.run("traces", trace_id)
    assert [name for name in names if name.split()[0] not in shown] == []
