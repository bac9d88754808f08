"""How many users of a tenant the index of a running mesh has."""

from collections.abc import Sequence

import httpx

from mesh.deployment import template_parameters
from mesh.state import State

_TENANT_FIELD = "tenantId"  # of vectors.collection, whose import takes 100 MB


def count(state: State, tenants: Sequence[str]) -> dict[str, int | None]:
    """Return the number for each tenant, None where Qdrant does not tell."""
    collection = template_parameters.resolved(template_parameters.given(state))["QdrantCollection"]
    url = f"{state.qdrant_url}/collections/{collection}/points/count"
    with httpx.Client(timeout=5) as http:
        return {tenant: _count(http, url, tenant) for tenant in tenants}


def _count(http: httpx.Client, url: str, tenant: str) -> int | None:
    of_tenant = {"must": [{"key": _TENANT_FIELD, "match": {"value": tenant}}]}
    try:
        answer = http.post(url, json={"filter": of_tenant, "exact": True}).raise_for_status()
        return int(answer.json()["result"]["count"])
    except (httpx.HTTPError, KeyError, TypeError, ValueError):
        return None
