"""Which route a path takes, as API Gateway chooses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from function_host.config import Route

_PARAMETER = re.compile(r"\{([\w.-]+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """A route, and what stands in the path for its parameters, encoded as it came."""

    route: Route
    parameters: dict[str, str]


class Routes:
    """Finds routes. Of several resources the more literal one counts, whatever methods it has."""

    def __init__(self, routes: Iterable[Route]) -> None:
        resources: dict[str, dict[str, Route]] = {}
        for route in routes:
            resources.setdefault(route.path, {})[route.method.upper()] = route
        self._resources = [
            (_pattern(path), methods)
            for path, methods in sorted(resources.items(), key=lambda each: _generality(each[0]))
        ]

    def match(self, method: str, path: str) -> Match | None:
        """Return the route of a method and a path, which may end with a slash more than the route has."""
        path = path.rstrip("/") or "/"
        for pattern, methods in self._resources:
            if found := pattern.fullmatch(path):
                route = methods.get(method) or methods.get("ANY")
                names = _PARAMETER.findall(next(iter(methods.values())).path)
                values = dict(zip((name for name, _ in names), found.groups(), strict=True))
                return Match(route, values) if route else None
        return None


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path.rstrip("/") or "/")
    expression = "".join(
        re.escape(literal) + ("" if greedy is None else "(.+)" if greedy else "([^/]+)")
        for literal, greedy in zip(parts[::3], [*parts[2::3], None], strict=True)
    )
    return re.compile(expression, re.DOTALL)


def _generality(path: str) -> tuple[int, ...]:
    """Return what sorts literal segments before parameters, and those before greedy ones."""
    return tuple(
        (2 if found[2] else 1) if (found := _PARAMETER.fullmatch(segment)) else 0
        for segment in path.strip("/").split("/")
    )
