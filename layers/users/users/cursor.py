"""Opaque page cursors, each bound to its tenant.

A cursor is base64url(digest || last user id). The digest covers the tenant, so that a cursor of another
tenant and a damaged one are refused. It is no secret: whoever forges a cursor still reads only the tenant
that the token names, since the store's partition key never comes from a cursor.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from users.errors import InvalidCursorError

_DIGEST_BYTES = 9
_ID_BYTES = 9  # 53 bits would fit in 7; 18 bytes in all need no base64 padding


def _digest(tenant_id: str, last: bytes) -> bytes:
    tenant = tenant_id.encode()
    key, rest = tenant[: blake2b.MAX_KEY_SIZE], tenant[blake2b.MAX_KEY_SIZE :]
    return blake2b(last + rest, key=key, digest_size=_DIGEST_BYTES, person=b"users.cursor").digest()


def encode(tenant_id: str, last_id: int) -> str:
    """Return the cursor of the page that follows the user `last_id`."""
    last = last_id.to_bytes(_ID_BYTES, "big")
    return urlsafe_b64encode(_digest(tenant_id, last) + last).decode()


def decode(tenant_id: str, cursor: str) -> int:
    """Return the id after which the page starts; InvalidCursorError for any cursor not ours."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii"))
    except ValueError:
        raw = b""
    digest, last = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    canonical = urlsafe_b64encode(raw).decode() == cursor  # the decoder skips foreign characters
    last_id = int.from_bytes(last, "big")
    if (
        not canonical
        or len(last) != _ID_BYTES
        or last_id >= 2**53
        or not hmac.compare_digest(digest, _digest(tenant_id, last))
    ):
        raise InvalidCursorError("The cursor is not valid for this tenant; start again without one.")
    return last_id
