"""A search, page by page, in a total order: who ranks higher first, and of equal ones the oldest.

Qdrant has people of one rank in any order, another one in each answer. So where they go on beyond a page, all
of them are asked for, put in the order of their ids, and only the page is read whole.
"""

from typing import Any, NamedTuple

from vectors import cursor as cursors
from vectors.collection import TOPICS_FIELD, USER_FIELD
from vectors.cursor import Place
from vectors.qdrant import QdrantClient, models
from vectors.ranking import CANDIDATES, DIGITS, Asked, Search, bonus, enough, has_any, request
from vectors.text.terms import terms_of

_TIED = 10_000  # a megabyte
_PERSON = [USER_FIELD, "email", "name", "profile", TOPICS_FIELD]


class Hit(NamedTuple):
    """A user that a search found.

    The score is the cosine similarity to the nearest of the user's vectors, -1 to 1, to five digits; None
    where the query was not embedded. `matched` says what found the user.
    """

    user_id: int
    email: str
    name: str
    profile: str
    score: float | None
    matched: list[str]
    topics: list[str]


class Page(NamedTuple):
    """A page of a search, and the cursor of the next one if there is one."""

    hits: list[Hit]
    next_cursor: str | None


class Pages:
    """The pages of one search of a tenant."""

    def __init__(
        self,
        client: QdrantClient,
        collection: str,
        tenant_id: str,
        search: Search,
        vector: list[float] | None,
        weight: float,
    ) -> None:
        self._client = client
        self._collection = collection
        self._tenant_id = tenant_id
        self._search = search
        self._asked = Asked.of(tenant_id, search, vector, weight)

    def page(self, limit: int, cursor: str | None) -> Page:
        """Return the page that follows a cursor; InvalidCursorError for another search's."""
        if not (self._asked.vector or self._asked.words.counted):
            return Page([], None)
        after = cursors.decode(self._tenant_id, self._search, cursor) if cursor else None
        before = after.shown if after else 0
        limit = min(limit, CANDIDATES - before)
        found = self._following(limit, after) if after else self._first_page(limit)
        shown = before + limit
        following = None
        if len(found) > limit and shown < CANDIDATES:
            last, tied = found[limit - 1], _rank(found[limit - 1]) == _rank(found[limit])
            place = Place(shown, _rank(last), _user(last), tied)
            following = cursors.encode(self._tenant_id, self._search, place)
        return Page([self._hit(point) for point in found[:limit]], following)

    def _first_page(self, limit: int) -> list[models.ScoredPoint]:
        found = sorted(self._ask(limit + 1, payload=_PERSON), key=_order)
        if len(found) > limit and _rank(found[limit]) == _rank(found[limit - 1]):
            return self._following(limit, None)
        return found

    def _following(self, limit: int, after: Place | None) -> list[models.ScoredPoint]:
        """Return the points of a page, and one more if there is one."""
        points = {point.id: point for point in self._ask(CANDIDATES + 1, payload=[USER_FIELD])}
        if after and after.tied:
            points |= self._of_rank(after.rank)
        page = self._first(points, limit, after)
        if len(page) > limit and _rank(page[limit]) == _rank(page[limit - 1]):
            page = self._first(points | self._of_rank(_rank(page[limit])), limit, after)
        if not page:
            return []
        ids = [point.id for point in page]
        return sorted(self._ask(len(ids), only=ids, payload=_PERSON), key=_order)

    def _first(
        self, points: dict[Any, models.ScoredPoint], limit: int, after: Place | None
    ) -> list[models.ScoredPoint]:
        ordered = sorted(points.values(), key=_order)
        if after:
            ordered = [point for point in ordered if _order(point) > (-after.rank, after.user_id)]
        return ordered[: limit + 1]

    def _of_rank(self, rank: float) -> dict[Any, models.ScoredPoint]:
        found = self._ask(_TIED, candidates=_TIED, at_least=rank - 10**-DIGITS, payload=[USER_FIELD])
        return {point.id: point for point in found if _rank(point) == rank}

    def _ask(self, limit: int, *, payload: list[str], **more: Any) -> list[models.ScoredPoint]:
        asked = request(self._asked, limit, **more)
        return self._client.query_points(self._collection, with_payload=payload, **asked).points

    def _hit(self, point: models.ScoredPoint) -> Hit:
        payload: dict[str, Any] = point.payload or {}
        email, name, profile = payload["email"], payload["name"], payload["profile"]
        score, matched = point.score, ["meaning"]
        words = self._asked.words
        if words.counted:
            fields = terms_of(name, email, profile)
            terms = frozenset(fields.all())
            score -= bonus(words, terms, self._asked.weight)
            if enough(words, terms):
                by_meaning = self._search.min_score is not None and score >= self._search.min_score
                matched = [
                    *(["meaning"] if by_meaning and self._asked.vector else []),
                    *(field for field, own in fields._asdict().items() if has_any(words, own)),
                ]
        return Hit(
            payload[USER_FIELD],
            email,
            name,
            profile,
            round(score, DIGITS) if self._asked.vector else None,
            matched,
            payload.get(TOPICS_FIELD, []),
        )


def _order(point: models.ScoredPoint) -> tuple[float, int]:
    return -_rank(point), _user(point)


def _rank(point: models.ScoredPoint) -> float:
    return round(point.score, DIGITS)


def _user(point: models.ScoredPoint) -> int:
    user_id: int = (point.payload or {})[USER_FIELD]
    return user_id
