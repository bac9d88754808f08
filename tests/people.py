"""A user for tests of what happens after one was created."""

from datetime import UTC, datetime

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
