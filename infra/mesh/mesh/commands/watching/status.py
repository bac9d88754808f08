"""What the mesh is doing, for people and for programs."""

from typing import Any

import httpx
from rich.table import Table
from users.errors import UnavailableError

from mesh import components
from mesh.clients import tables
from mesh.deployment import template_parameters
from mesh.state import Component, State

_STYLES = {"running": "green", "external": "cyan"}


def report(state: State) -> dict[str, Any]:
    """Return the mesh's state as data: see `mesh status --json` in docs/mesh.md."""
    rows = [
        {
            "name": each.name,
            "pid": each.pid,
            "address": each.address,
            "state": _component_state(each),
            "log": each.log,
        }
        for each in state.components
    ]
    healthy = all(row["state"] in _STYLES for row in rows)
    mappings = _mappings(state.poller_url) if state.api_url else []
    return {
        "state": state.state if healthy else "degraded",
        "api_url": state.api_url,
        "auth_mode": template_parameters.given(state)["AuthMode"],
        "kafka_bootstrap_servers": state.kafka_bootstrap_servers,
        "qdrant_url": state.qdrant_url,
        "aws_endpoint_url": state.aws_endpoint_url,
        "components": rows,
        "consumer_lag": _lag(mappings),
        "mappings": mappings,
        "outbox": _outbox(state) if state.api_url else None,
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the components as a table for the terminal."""
    shown = Table("component", "address", "state")
    for row in rows:
        style = _STYLES.get(row["state"], "red")
        shown.add_row(row["name"], row["address"], f"[{style}]{row['state']}[/]")
    return shown


def _component_state(component: Component) -> str:
    if component.state == "crashed" or components.is_ready(component):
        return component.state
    return "unreachable" if component.pid is None else "not answering"


def _outbox(state: State) -> dict[str, Any] | None:
    """Return how many events wait for Kafka, and since when; None if the table is out of reach."""
    try:
        backlog = tables.outbox(state).backlog()
    except UnavailableError:
        return None
    return {"size": backlog.size, "age_seconds": round(backlog.age_seconds, 1)}


def consumer_lag(state: State) -> int | None:
    """Return how many records wait to be processed, None if the poller does not say."""
    return _lag(_mappings(state.poller_url))


def _lag(mappings: list[dict[str, Any]]) -> int | None:
    lags = [lag for mapping in mappings for lag in mapping["lag"].values() if lag is not None]
    return sum(lags) if mappings else None


def _mappings(poller_url: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = httpx.get(f"{poller_url}/healthz", timeout=2).json()["mappings"]
    except (httpx.HTTPError, ValueError, KeyError):
        return []
    return found
