"""A client of the HTTP API, for one tenant: used by the demo, the end-to-end tests and the benchmark."""

from collections.abc import Iterator
from typing import Any, Self

import httpx

from mesh.deployment.issuer import authorization
from mesh.state import State

_TIMEOUT = 60  # a function's first start unpacks 200 MB


class TenantClient:
    """The API as a user of `tenant` sees it; answers other than 2xx raise httpx.HTTPStatusError."""

    def __init__(self, api_url: str, tenant: str, authorization: str) -> None:
        self.tenant = tenant
        self.http = httpx.Client(base_url=api_url, headers={"Authorization": authorization}, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def create(self, email: str, name: str, profile: str = "") -> dict[str, Any]:
        """Create a user and return it."""
        body = {"email": email, "name": name, "profile": profile}
        return self._json(self.http.post("/users/create", json=body))

    def update(self, user_id: int, **changes: str) -> dict[str, Any]:
        """Change some of a user, and return what it is then."""
        return self._json(self.http.patch(f"/users/{user_id}", json=changes))

    def erase(self, user_id: int) -> None:
        """Erase a user."""
        self.http.delete(f"/users/{user_id}").raise_for_status()

    def page(self, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
        """Return one page: `users` and `nextCursor`."""
        parameters = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        return self._json(self.http.get("/users", params=parameters))

    def users(self, page_size: int = 50) -> Iterator[dict[str, Any]]:
        """Yield every user, oldest first, page by page."""
        cursor: str | None = None
        while True:
            page = self.page(page_size, cursor)
            yield from page["users"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def search(self, query: str, limit: int = 5, **more: Any) -> list[dict[str, Any]]:
        """Return the users that a query finds, best first; `more` are the API's other parameters."""
        answer = self._json(
            self.http.get("/ai/users/search", params={"query": query, "limit": limit, **more})
        )
        results: list[dict[str, Any]] = answer["results"]
        return results

    def finds(self, profile: str) -> bool:
        """Return whether a search for the profile has the user among its best fifty."""
        return any(hit["profile"] == profile for hit in self.search(profile, 50))

    @staticmethod
    def _json(answer: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = answer.raise_for_status().json()
        return body


def client_of(state: State, tenant: str) -> TenantClient:
    """Return a client of the mesh that runs."""
    return TenantClient(state.api_url, tenant, authorization(state, tenant, "client"))
