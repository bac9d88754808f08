"""The users in Qdrant. Only this module reads and writes points, and no person's without a tenant.

A user is one point. Once deleted it is a marker: the same point with the version of the deletion, without
vector and person, and without TENANT_FIELD, so that no read of a tenant sees it. It keeps events that come
late from bringing anybody back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from vectors.client import FAILURES, connect, unavailable
from vectors.collection import (
    DELETED_AT_FIELD,
    DELETED_FROM_FIELD,
    TENANT_FIELD,
    TERMS_FIELD,
    USER_FIELD,
    ensure_collection,
)
from vectors.embedding.vector import Vector
from vectors.errors import UnavailableError
from vectors.pages import Page, Pages
from vectors.qdrant import QdrantClient, QdrantException, UnexpectedResponse, models
from vectors.ranking import Search, sent
from vectors.settings import WORDS_WEIGHT, settings
from vectors.spans import asking_qdrant
from vectors.text.terms import terms_of

_NAMESPACE = uuid5(NAMESPACE_URL, "event-mesh/user_embeddings")
_VERSION_FIELD = "version"
_PAGE = 1_000
_REFUSED = (400, 413, 422)  # what is wrong with the points themselves: no other answer is to be expected


class Entry(NamedTuple):
    """A user of a tenant, as the index keeps it.

    The vectors are those of the texts that say who the user is; a search is as near as the nearest of them.
    `added` goes into the point's payload: what steps of enrichment found out.
    """

    tenant_id: str
    user_id: int
    email: str
    name: str
    profile: str
    vectors: list[Vector]
    version: int
    added: Mapping[str, Any] = MappingProxyType({})


class Marker(NamedTuple):
    """A user of a tenant who was deleted: the version of that, and when, in milliseconds since 1970."""

    tenant_id: str
    user_id: int
    version: int
    deleted_at_ms: int


Change = Entry | Marker
Who = tuple[str, int]  # a tenant's user


class Stored(NamedTuple):
    """What the index holds of a user; a point from before there were versions has 0."""

    version: int
    deleted: bool


def point_id(tenant_id: str, user_id: int) -> UUID:
    """Return the id of a user's point: the same for the same user, so a redelivered event changes nothing."""
    return uuid5(_NAMESPACE, _key(tenant_id, user_id))


class UserIndex:
    """The collection, by tenant."""

    def __init__(self, client: QdrantClient, collection: str, words_weight: float = WORDS_WEIGHT) -> None:
        self._client = client
        self._collection = collection
        self._words_weight = words_weight

    def versions(self, users: Iterable[Who]) -> dict[Who, Stored]:
        """Return with one request what is stored of users, deleted ones too.

        Who was never there is left out. UnavailableError if Qdrant fails.
        """
        by_point = {str(point_id(*who)): who for who in users}
        try:
            with asking_qdrant("retrieve", self._collection, len(by_point)):
                points = self._client.retrieve(
                    self._collection, list(by_point), with_payload=[_VERSION_FIELD, DELETED_FROM_FIELD]
                )
        except FAILURES as error:
            raise _failed(error, "Qdrant did not tell the stored versions.") from error
        return {by_point[str(point.id)]: _stored(point) for point in points}

    def write(self, changes: Sequence[Change]) -> list[int]:
        """Store changes with one request, each only if it is newer than what is stored of its user.

        A user is there once at most: of two changes in one request Qdrant keeps the last, not the newer. A
        request that Qdrant refuses is halved, until the change that it cannot take is alone. Returns the
        positions of such changes; UnavailableError if Qdrant fails.
        """
        try:
            self._put(changes)
        except FAILURES as error:
            if not (isinstance(error, UnexpectedResponse) and error.status_code in _REFUSED):
                raise _failed(error, "Qdrant did not store the embeddings.") from error
        else:
            return []
        if len(changes) == 1:
            return [0]
        half = len(changes) // 2
        return [*self.write(changes[:half]), *(half + n for n in self.write(changes[half:]))]

    def _put(self, changes: Sequence[Change]) -> None:
        points = [_point(change) for change in changes]
        with asking_qdrant("upsert", self._collection, len(points)):
            self._client.upsert(self._collection, points, wait=True, update_filter=_older_than(changes))

    def remove_markers(self, older_than_ms: int) -> int:
        """Remove what was deleted before a time (ms since 1970), of all tenants; return how many there were.

        An event of such a user that comes later would bring the user back. UnavailableError if Qdrant fails.
        """
        before = models.FieldCondition(key=DELETED_AT_FIELD, range=models.Range(lt=older_than_ms))
        return self._remove(models.Filter(must=[before]))

    def forget(self, tenant_id: str) -> int:
        """Remove a tenant's users, deleted ones too; return how many there were.

        UnavailableError if Qdrant fails.
        """
        return self._remove(_all_of(tenant_id))

    def _remove(self, which: models.Filter) -> int:
        try:
            count = self._client.count(self._collection, which).count
            self._client.delete(self._collection, models.FilterSelector(filter=which), wait=True)
        except FAILURES as error:
            raise _failed(error, "Qdrant did not remove the points.") from error
        return count

    def users_between(self, tenant_id: str, after: int, until: int) -> list[int]:
        """Return the ids of the tenant's users in the index, of those above `after` and up to `until`.

        UnavailableError if Qdrant fails.
        """
        ids = models.FieldCondition(key=USER_FIELD, range=models.Range(gt=after, lte=until))
        found: list[int] = []
        offset = None
        try:
            while True:
                points, offset = self._client.scroll(
                    self._collection,
                    _only(tenant_id, ids),
                    limit=_PAGE,
                    offset=offset,
                    with_payload=[USER_FIELD],
                )
                found += [(point.payload or {})[USER_FIELD] for point in points]
                if offset is None:
                    return found
        except FAILURES as error:
            raise _failed(error, "Qdrant did not list the users.") from error

    def count_all(self, tenant_id: str) -> int:
        """Return how many users of the tenant the index knows, deleted ones too.

        UnavailableError if Qdrant fails.
        """
        return self._count(_all_of(tenant_id))

    def count(self, tenant_id: str) -> int:
        """Return how many users of the tenant are in the index; UnavailableError if Qdrant fails."""
        return self._count(_only(tenant_id))

    def _count(self, which: models.Filter) -> int:
        try:
            return self._client.count(self._collection, which).count
        except FAILURES as error:
            raise unavailable(error, "Qdrant did not count the embeddings.") from error

    def search(
        self, tenant_id: str, search: Search, vector: Vector | None, limit: int, cursor: str | None = None
    ) -> Page:
        """Return the tenant's users that a search finds: `vector` is that of its query, None for words alone.

        The order is the same whatever the limit, unless more than 10,000 users are equal to the last of them.
        InvalidCursorError for a cursor that is not of this search, UnavailableError if Qdrant fails.
        """
        try:
            pages = Pages(self._client, self._collection, tenant_id, search, vector, self._words_weight)
            with asking_qdrant("query", self._collection):
                return pages.page(limit, cursor)
        except FAILURES as error:
            raise _failed(error, "Qdrant did not answer the search.") from error


@cache
def user_index() -> UserIndex:
    """Return the execution environment's index, after making sure of the collection.

    That is done once, and again after a failure: it may be a new, empty Qdrant that answers then.
    Raises UnavailableError if Qdrant does not answer, ModelMismatchError if the collection holds the
    embeddings of another model, LayoutMismatchError, ServerTooOldError. None is remembered: the next call
    tries again.
    """
    client = connect(settings())
    try:
        ensure_collection(client, settings())
    except FAILURES as error:
        raise unavailable(error, "Qdrant did not open the collection.") from error
    return UserIndex(client, settings().qdrant_collection, settings().search_words_weight)


def _key(tenant_id: str, user_id: int) -> str:
    return f"{tenant_id}:{user_id}"


def _point(change: Change) -> models.PointStruct:
    """Return what is stored. A marker has no vector: no search finds it, whatever its filter."""
    who = {"key": _key(change.tenant_id, change.user_id), USER_FIELD: change.user_id}
    match change:
        case Entry():
            vector: list[Vector] | dict[str, list[Vector]] = list(map(sent, change.vectors))
            rest: dict[str, Any] = {
                **change.added,
                TENANT_FIELD: change.tenant_id,
                "email": change.email,
                "name": change.name,
                "profile": change.profile,
                TERMS_FIELD: " ".join(terms_of(change.name, change.email, change.profile).all()),
            }
        case Marker():
            vector = {}
            rest = {DELETED_FROM_FIELD: change.tenant_id, DELETED_AT_FIELD: change.deleted_at_ms}
    return models.PointStruct(
        id=str(point_id(change.tenant_id, change.user_id)),
        vector=vector,
        payload={**who, **rest, _VERSION_FIELD: change.version},
    )


def _older_than(changes: Sequence[Change]) -> models.Filter:
    """Return what lets each change overwrite its own point only, and only an older one.

    Not `lt`: it never matches a point without a version.
    """
    ids: defaultdict[int, list[models.ExtendedPointId]] = defaultdict(list)
    for change in changes:
        ids[change.version].append(str(point_id(change.tenant_id, change.user_id)))
    return models.Filter(
        should=[
            models.Filter(
                must=[models.HasIdCondition(has_id=those)],
                must_not=[models.FieldCondition(key=_VERSION_FIELD, range=models.Range(gte=version))],
            )
            for version, those in ids.items()
        ]
    )


def _stored(point: models.Record) -> Stored:
    payload = point.payload or {}
    return Stored(payload.get(_VERSION_FIELD, 0), DELETED_FROM_FIELD in payload)


def _all_of(tenant_id: str) -> models.Filter:
    of_tenant = models.MatchValue(value=tenant_id)
    return models.Filter(
        should=[
            models.FieldCondition(key=TENANT_FIELD, match=of_tenant),
            models.FieldCondition(key=DELETED_FROM_FIELD, match=of_tenant),
        ]
    )


def _only(tenant_id: str, *more: models.Condition) -> models.Filter:
    """Every read carries exactly one tenant: a graph that spans tenants does not exist."""
    tenant = models.FieldCondition(key=TENANT_FIELD, match=models.MatchValue(value=tenant_id))
    return models.Filter(must=[tenant, *more])


def _failed(error: Exception, said: str) -> UnavailableError:
    """Return the error to raise, and have the collection opened anew: a new, empty Qdrant may answer next.

    One that asks for fewer requests is none, and is not asked more.
    """
    if not isinstance(error, QdrantException):
        user_index.cache_clear()
    return unavailable(error, said)
