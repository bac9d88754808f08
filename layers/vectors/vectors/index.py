"""The users' embeddings. Only this module reads and writes points, and it does nothing without a tenant."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from vectors.collection import TENANT_FIELD, ensure_collection
from vectors.embedder import Vector
from vectors.errors import UnavailableError
from vectors.settings import settings

_NAMESPACE = uuid5(NAMESPACE_URL, "event-mesh/user_embeddings")
_TIMEOUT_SECONDS = 5
_REFUSED = (400, 413, 422)  # what is wrong with the points themselves: no other answer is to be expected


class Entry(NamedTuple):
    """A user of a tenant, as the index keeps it."""

    tenant_id: str
    user_id: int
    email: str
    name: str
    profile: str
    vector: Vector


class Hit(NamedTuple):
    """A user that a search found; the score is the cosine similarity, -1 to 1."""

    user_id: int
    email: str
    name: str
    profile: str
    score: float


def point_id(tenant_id: str, user_id: int) -> UUID:
    """Return the id of a user's point: the same for the same user, so a redelivered event changes nothing."""
    return uuid5(_NAMESPACE, _key(tenant_id, user_id))


class UserIndex:
    """The collection, by tenant."""

    def __init__(self, client: QdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection

    def upsert(self, entries: Sequence[Entry]) -> list[int]:
        """Store all entries with one request, each under its own tenant; UnavailableError if Qdrant fails.

        A request that Qdrant refuses is halved, until the entry that it cannot take is alone. Returns the
        positions of such entries.
        """
        try:
            self._put(entries)
        except (ApiException, httpx.HTTPError) as error:
            if not (isinstance(error, UnexpectedResponse) and error.status_code in _REFUSED):
                user_index.cache_clear()
                raise UnavailableError("Qdrant did not store the embeddings.") from error
        else:
            return []
        if len(entries) == 1:
            return [0]
        half = len(entries) // 2
        return [*self.upsert(entries[:half]), *(half + n for n in self.upsert(entries[half:]))]

    def _put(self, entries: Sequence[Entry]) -> None:
        points = [
            models.PointStruct(
                id=str(point_id(entry.tenant_id, entry.user_id)),
                vector=entry.vector,
                payload={
                    "key": _key(entry.tenant_id, entry.user_id),
                    TENANT_FIELD: entry.tenant_id,
                    "userId": entry.user_id,
                    "email": entry.email,
                    "name": entry.name,
                    "profile": entry.profile,
                },
            )
            for entry in entries
        ]
        self._client.upsert(self._collection, points, wait=True)

    def count(self, tenant_id: str) -> int:
        """Return how many users of the tenant are in the index; UnavailableError if Qdrant fails."""
        try:
            counted = self._client.count(self._collection, _only(tenant_id))
        except (ApiException, httpx.HTTPError) as error:
            raise UnavailableError("Qdrant did not count the embeddings.") from error
        return counted.count

    def search(self, tenant_id: str, vector: Vector, limit: int) -> list[Hit]:
        """Return the tenant's users nearest to `vector`, best first; UnavailableError if Qdrant fails."""
        try:
            found = self._client.query_points(
                self._collection,
                query=vector,
                query_filter=_only(tenant_id),
                limit=limit,
                with_payload=True,
            )
        except (ApiException, httpx.HTTPError) as error:
            user_index.cache_clear()
            raise UnavailableError("Qdrant did not answer the search.") from error
        return [_hit(point.payload or {}, point.score) for point in found.points]


@cache
def user_index() -> UserIndex:
    """Return the execution environment's index, after making sure of the collection.

    That is done once, and again after a failure: it may be a new, empty Qdrant that answers then.
    Raises UnavailableError if Qdrant does not answer, ModelMismatchError if the collection holds the
    embeddings of another model. Neither is remembered: the next call tries again.
    """
    client = QdrantClient(
        url=settings().qdrant_url,
        api_key=settings().qdrant_api_key,
        timeout=_TIMEOUT_SECONDS,
        check_compatibility=False,
        limits=httpx.Limits(),  # qdrant-client turns keep-alive off for localhost
    )
    try:
        ensure_collection(client, settings())
    except (ApiException, httpx.HTTPError) as error:
        raise UnavailableError("Qdrant did not open the collection.") from error
    return UserIndex(client, settings().qdrant_collection)


def _key(tenant_id: str, user_id: int) -> str:
    return f"{tenant_id}:{user_id}"


def _only(tenant_id: str) -> models.Filter:
    """Every read carries exactly one tenant: a graph that spans tenants does not exist."""
    return models.Filter(
        must=[models.FieldCondition(key=TENANT_FIELD, match=models.MatchValue(value=tenant_id))]
    )


def _hit(payload: dict[str, Any], score: float) -> Hit:
    return Hit(payload["userId"], payload["email"], payload["name"], payload["profile"], score)
