"""Users for tests of what happens after one was created."""

from datetime import UTC, datetime
from typing import Any

from users.model import User

ALICE = User(
    id=123,
    tenant_id="tenant-a",
    email="alice@tenant-a.dev",
    name="Alice",
    profile="",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    version=1,
)


def somebody(tenant: str, user_id: int, **known: Any) -> User:
    """Return a user of a tenant, who is as Alice where the test does not say."""
    return ALICE.model_copy(update={"tenant_id": tenant, "id": user_id, **known})
