"""The rate limits of a running mesh, and what tenants have left of them."""

import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from tenant_auth import rate_limit
from tenant_auth.settings import RateLimitSettings
from users import table

from mesh.clients.aws import client
from mesh.deployment import build, template_parameters
from mesh.state import State


def left(state: State, tenants: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what each tenant has left of each limit that it has used: one query a tenant."""
    dynamodb = client("dynamodb", state.aws_endpoint_url, table.TIMEOUTS)
    values = template_parameters.resolved(template_parameters.given(state))
    settings = _settings(tuple(sorted(values.items())))
    for tenant in tenants:
        limits = {group: each.limit(tenant, group) for group, each in settings.items()}
        limits = {group: limit for group, limit in limits.items() if limit.per_second}
        now = time.time_ns() // 1_000
        for quota in rate_limit.left(dynamodb, state.users_table, tenant, limits, now):
            yield {"tenant": tenant, **quota._asdict()}


@cache  # a second, to read the template again and again
def _settings(values: tuple[tuple[str, str], ...]) -> dict[str, RateLimitSettings]:
    """Return the settings of each function that has a limit, by its service."""
    found = {}
    for name, resource in build.source_template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            environment = template_parameters.environment(name, dict(values))
            if "RATE_LIMIT_BURST" in environment:
                environment.setdefault("TABLE_NAME", "")  # nothing here asks for it
                found[environment["POWERTOOLS_SERVICE_NAME"]] = RateLimitSettings.model_validate(environment)
    return found
