"""Opaque cursors of a search's pages, each bound to its tenant and to what was searched for.

A cursor is base64url(digest || place). The digest refuses the cursor of another search, and a damaged one. It
is no secret: whoever forges a cursor still reads only the tenant that the token names.
"""

import hmac
import json
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import NamedTuple

from vectors.errors import InvalidCursorError
from vectors.ranking import DIGITS, Search

_DIGEST_BYTES = 9
_PLACE = struct.Struct(">Hiq?")


class Place(NamedTuple):
    """Where a page ends: how many were shown, the last one's rank and id, if the next has that rank too."""

    shown: int
    rank: float
    user_id: int
    tied: bool


def encode(tenant_id: str, search: Search, place: Place) -> str:
    """Return the cursor of the page that follows a place in a search."""
    raw = _PLACE.pack(place.shown, round(place.rank * 10**DIGITS), place.user_id, place.tied)
    return urlsafe_b64encode(_digest(tenant_id, search, raw) + raw).decode().rstrip("=")


def decode(tenant_id: str, search: Search, cursor: str) -> Place:
    """Return the place after which the page starts; InvalidCursorError for any cursor not of this search."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        digest, place = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        shown, rank, user_id, tied = _PLACE.unpack(place)
    except (ValueError, struct.error):
        raise InvalidCursorError from None
    canonical = urlsafe_b64encode(raw).decode().rstrip("=") == cursor  # the decoder skips foreign characters
    if not canonical or not hmac.compare_digest(digest, _digest(tenant_id, search, place)):
        raise InvalidCursorError
    return Place(shown, round(rank / 10**DIGITS, DIGITS), user_id, tied)


def _digest(tenant_id: str, search: Search, place: bytes) -> bytes:
    of = json.dumps([tenant_id, *search]).encode()
    return blake2b(of + place, digest_size=_DIGEST_BYTES, person=b"vectors.cursor").digest()
