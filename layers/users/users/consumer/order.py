"""What of a batch is news. Events come late, twice and after newer ones: the newest version of a user counts.

Who is deleted stays known by a version, so that an event of before brings nobody back.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from users.consumer.received import Received
from users.events import UserChanged, UserDeleted, UserEvent

Who = tuple[str, int]  # a tenant's user
Good = tuple[Received, UserEvent]


class Known(Protocol):
    """What the index holds of a user."""

    @property
    def version(self) -> int:
        """Of the newest event that it has taken."""

    @property
    def deleted(self) -> bool:
        """Whether that one was a deletion."""


KnownT = TypeVar("KnownT", bound=Known)


def who(event: UserEvent) -> Who:
    """Return whom an event is about."""
    return event.tenant_id, event.id


def news(batch: Sequence[Good], known: Mapping[Who, KnownT]) -> list[Good]:
    """Return the newest event of each user, where the index holds none of its version or later.

    The newest alone, even if the index then refuses it: an older one is not what the table has. The dead
    letter of the newest is to be mended, and the index keeps what it had until then.
    """
    newest: dict[Who, Good] = {}
    for good in batch:
        _, event = good
        before = newest.get(who(event))
        if before is None or event.version > before[1].version:
            newest[who(event)] = good
    return [
        (record, event)
        for record, event in newest.values()
        if who(event) not in known or event.version > known[who(event)].version
    ]


def outlived(batch: Sequence[Good], known: Mapping[Who, KnownT]) -> list[UserDeleted]:
    """Return the deletions that an older event of the same user has come after.

    A compacted topic keeps the last record of each key, which would now be that of a person who is gone: the
    deletion has to come once more. The records of a user are in one partition, so in their order here.
    """
    last = {who(event): event for _, event in batch}
    deleted = {each: known.version for each, known in known.items() if known.deleted}
    for _, event in batch:
        if isinstance(event, UserDeleted):
            deleted[who(event)] = max(event.version, deleted.get(who(event), 0))
    return [
        UserDeleted(tenantId=tenant_id, id=user_id, version=deleted[tenant_id, user_id])
        for (tenant_id, user_id), event in last.items()
        if isinstance(event, UserChanged) and event.version < deleted.get((tenant_id, user_id), 0)
    ]
