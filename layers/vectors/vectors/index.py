"""The users' embeddings. Only this module reads and writes points, and it does nothing without a tenant."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import UnexpectedResponse

from vectors.client import FAILURES, connect, unavailable
from vectors.collection import TENANT_FIELD, ensure_collection
from vectors.embedder import Vector
from vectors.errors import UnavailableError
from vectors.settings import settings

_NAMESPACE = uuid5(NAMESPACE_URL, "event-mesh/user_embeddings")
_TIED = 10_000  # a megabyte
_DIGITS = 5  # of a score; beyond is noise: of single precision, and of the batch that a text was embedded in
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
    """A user that a search found; the score is the cosine similarity, -1 to 1, to five digits."""

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
        except FAILURES as error:
            if not (isinstance(error, UnexpectedResponse) and error.status_code in _REFUSED):
                raise _failed(error, "Qdrant did not store the embeddings.") from error
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
        except FAILURES as error:
            raise unavailable(error, "Qdrant did not count the embeddings.") from error
        return counted.count

    def search(self, tenant_id: str, vector: Vector, limit: int) -> list[Hit]:
        """Return the tenant's users nearest to `vector`: best first, and of equal ones the oldest.

        The order is the same whatever the limit, unless more than _TIED users are equal to the last of them.
        UnavailableError if Qdrant fails.
        """
        try:
            found = self._nearest(_only(tenant_id), vector, limit + 1)
            if len(found) > limit and _score(found[limit]) == _score(found[limit - 1]):
                found = self._first_of_the_tied(tenant_id, vector, limit, _score(found[limit]))
        except FAILURES as error:
            raise _failed(error, "Qdrant did not answer the search.") from error
        return [_hit(point) for point in sorted(found, key=_rank)[:limit]]

    def _first_of_the_tied(
        self, tenant_id: str, vector: Vector, limit: int, score: float
    ) -> list[models.ScoredPoint]:
        """Return the best points, where those of `score` go on beyond the limit: of them, Qdrant gives any.

        So all of them are ranked by their ids, whose size no tenant chooses, and then the best are read.
        """
        worse = score - 10**-_DIGITS
        tied = self._nearest(_only(tenant_id), vector, _TIED, better_than=worse, payload=["userId"])
        best = [point.id for point in sorted(tied, key=_rank)[:limit]]
        return self._nearest(_only(tenant_id, models.HasIdCondition(has_id=best)), vector, limit)

    def _nearest(
        self,
        whom: models.Filter,
        vector: Vector,
        limit: int,
        *,
        better_than: float | None = None,
        payload: list[str] | bool = True,
    ) -> list[models.ScoredPoint]:
        return self._client.query_points(
            self._collection,
            query=vector,
            query_filter=whom,
            limit=limit,
            score_threshold=better_than,
            search_params=models.SearchParams(exact=True) if better_than is not None else None,
            with_payload=payload,
        ).points


@cache
def user_index() -> UserIndex:
    """Return the execution environment's index, after making sure of the collection.

    That is done once, and again after a failure: it may be a new, empty Qdrant that answers then.
    Raises UnavailableError if Qdrant does not answer, ModelMismatchError if the collection holds the
    embeddings of another model. Neither is remembered: the next call tries again.
    """
    client = connect(settings())
    try:
        ensure_collection(client, settings())
    except FAILURES as error:
        raise unavailable(error, "Qdrant did not open the collection.") from error
    return UserIndex(client, settings().qdrant_collection)


def _key(tenant_id: str, user_id: int) -> str:
    return f"{tenant_id}:{user_id}"


def _only(tenant_id: str, *more: models.Condition) -> models.Filter:
    """Every read carries exactly one tenant: a graph that spans tenants does not exist."""
    tenant = models.FieldCondition(key=TENANT_FIELD, match=models.MatchValue(value=tenant_id))
    return models.Filter(must=[tenant, *more])


def _rank(point: models.ScoredPoint) -> tuple[float, int]:
    """Return what points are sorted by; Qdrant has equal ones in any order, another one in each answer."""
    return -_score(point), (point.payload or {})["userId"]


def _score(point: models.ScoredPoint) -> float:
    return round(point.score, _DIGITS)


def _hit(point: models.ScoredPoint) -> Hit:
    payload: dict[str, Any] = point.payload or {}
    return Hit(payload["userId"], payload["email"], payload["name"], payload["profile"], _score(point))


def _failed(error: Exception, said: str) -> UnavailableError:
    """Return the error to raise, and have the collection opened anew: a new, empty Qdrant may answer next.

    One that asks for fewer requests is none, and is not asked more.
    """
    if not isinstance(error, QdrantException):
        user_index.cache_clear()
    return unavailable(error, said)
