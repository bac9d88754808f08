"""Users in DynamoDB: each change is stored with its address and its event, all of it or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from users import outbox, table
from users.errors import EmailTakenError, ErasedError, NotFoundError, UnavailableError
from users.events import user_created, user_deleted, user_updated
from users.model import NewUser, User, UserPatch, new_users, unique_email
from users.spans import creating
from users.store import items
from users.store.reading import UserReader
from users.store.transaction import FAILED, Patience, Transactions, answering

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_USERS_AT_ONCE = 25  # a transaction has 100 items at most, and a new user takes up to four

_REGISTERED_SECONDS = 300  # less than a tenant must have been quiet to be deleted: it may come back

_registered: dict[str, float] = {}  # until when this execution environment takes a tenant to be in the table


class Changed(NamedTuple):
    """A stored user, and the event to publish; None if there is none, or the outbox has taken care of it."""

    user: User
    event: outbox.Event | None


Outcome = Changed | EmailTakenError | ErasedError | UnavailableError


class _Wanted(NamedTuple):
    """A user who is to be created, its place among the others, and the name of the request."""

    place: int
    new: NewUser
    request: str | None


class UserStore(UserReader):
    """The users of every tenant, to be read and to be changed.

    All methods raise UnavailableError if others write the same items for longer than two seconds.
    `traceparent` is the request's, for the event where nothing is traced.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        super().__init__(client, table_name)
        self._transactions = Transactions(client, table_name)

    def create(
        self, tenant_id: str, new: NewUser, traceparent: str | None = None, request: str | None = None
    ) -> Changed:
        """Store a new user.

        `request` names the client's request: if the very same request has stored the user up to a day before,
        that user is returned, as it is now. Raises ErasedError if it has been erased since, EmailTakenError
        if the tenant has another user with the address (in any case).
        """
        [outcome] = self.create_all(tenant_id, [new], traceparent, [request])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def create_all(
        self,
        tenant_id: str,
        news: Sequence[NewUser],
        traceparent: str | None = None,
        requests: Sequence[str | None] | None = None,
    ) -> list[Outcome]:
        """Store new users, each as `create` does; return for each what became of it.

        Of several with one address the first is stored. One that cannot be stored holds up no other. Raises
        UnavailableError only if nothing is known of any.
        """
        outcomes: dict[int, Outcome] = {}
        first: dict[str, _Wanted] = {}
        for place, (new, request) in enumerate(zip(news, requests or [None] * len(news), strict=True)):
            if first.setdefault(unique_email(new.email), _Wanted(place, new, request)).place != place:
                outcomes[place] = EmailTakenError()
        wanted = list(first.values())
        for start in range(0, len(wanted), _USERS_AT_ONCE):
            some = wanted[start : start + _USERS_AT_ONCE]
            try:
                with answering("store the user"):
                    self._register(tenant_id)
                    self._create_some(tenant_id, some, traceparent, outcomes)
            except UnavailableError as error:
                outcomes |= {each.place: error for each in some if each.place not in outcomes}
        failures = [each for each in outcomes.values() if isinstance(each, UnavailableError)]
        if failures and len(failures) == len(wanted):
            raise failures[0]
        return [outcomes[place] for place in range(len(news))]

    def update(
        self,
        tenant_id: str,
        user_id: int,
        patch: UserPatch,
        expected: Collection[int] | None = None,
        traceparent: str | None = None,
    ) -> Changed:
        """Change a user; what the patch leaves as it is keeps its version, and there is no event.

        Of two changes at once the second is made to what the first has left. Raises NotFoundError if there
        is no such user, VersionMismatchError if its version is none of those expected, EmailTakenError if
        the tenant has another user with the new address.
        """
        patience = Patience()
        with answering("change the user"):
            while True:
                seen = self._user(tenant_id, user_id, expected)
                patched = patch.applied(seen)
                if patched == seen:
                    return Changed(seen, None)
                now = datetime.now(UTC)
                user = patched.model_copy(update={"version": seen.version + 1, "updated_at": now})
                with creating():
                    event = outbox.Event(tenant_id, user_updated(user, traceparent))
                    writes = [items.replace(user, seen), items.put_new(outbox.item(event, now))]
                    if unique_email(user.email) != unique_email(seen.email):
                        writes += [items.put_new(items.address_item(user)), items.remove_address(seen)]
                    refusals = self._transactions.commit(event.id, writes, patience)
                if not refusals:
                    return Changed(user, event)
                if refusals[0] != FAILED and FAILED in refusals[2:3]:
                    raise EmailTakenError
                patience.wait()

    def delete(
        self,
        tenant_id: str,
        user_id: int,
        expected: Collection[int] | None = None,
        traceparent: str | None = None,
    ) -> outbox.Event:
        """Erase a user, and set its address free; return the event to publish.

        Raises NotFoundError if there is no such user, VersionMismatchError if its version is none of those
        expected.
        """
        patience = Patience()
        with answering("erase the user"):
            while True:
                seen = self._user(tenant_id, user_id, expected)
                with creating():
                    deleted = user_deleted(tenant_id, user_id, seen.version + 1, traceparent)
                    event = outbox.Event(tenant_id, deleted)
                    stored = items.put_new(outbox.item(event, datetime.now(UTC)))
                    writes = [items.remove(seen), stored, items.remove_address(seen)]
                    if not self._transactions.commit(event.id, writes, patience):
                        return event
                patience.wait()

    def _register(self, tenant_id: str) -> None:
        """Have the tenant in the list of tenants, before its first user is there."""
        if monotonic() < _registered.get(tenant_id, 0):
            return
        tenant = {"list": {"S": table.TENANTS}, "position": {"S": tenant_id}}
        self._client.put_item(TableName=self._table, Item={**table.key(tenant_id, table.TENANT_SK), **tenant})
        _registered[tenant_id] = monotonic() + _REGISTERED_SECONDS

    def _create_some(
        self,
        tenant_id: str,
        wanted: Sequence[_Wanted],
        traceparent: str | None,
        outcomes: dict[int, Outcome],
    ) -> None:
        """Store users in one transaction; in another one those that are left, when some cannot be stored."""
        patience = Patience()
        while wanted:
            users = new_users(tenant_id, [each.new for each in wanted])
            with creating(len(users)):
                events = [outbox.Event(tenant_id, user_created(user, traceparent)) for user in users]
                created = list(zip(wanted, users, events, strict=True))
                unique = [(each, item) for each, user, _ in created for item in _unique_items(each, user)]
                others = [
                    item
                    for _, user, event in created
                    for item in (items.user_item(user), outbox.item(event, user.created_at))
                ]
                writes = [items.put_new(item) for item in [*(item for _, item in unique), *others]]
                refusals = self._transactions.commit(events[0].id, writes, patience)
            if not refusals:
                outcomes |= {each.place: Changed(user, event) for each, user, event in created}
                return
            there = {
                each.place: each for (each, _), why in zip(unique, refusals, strict=False) if why == FAILED
            }
            if not there:
                patience.wait()
            outcomes |= {place: self._created_before(tenant_id, each) for place, each in there.items()}
            wanted = [each for each in wanted if each.place not in outcomes]

    def _created_before(self, tenant_id: str, wanted: _Wanted) -> Changed | EmailTakenError | ErasedError:
        """Return the user whom an earlier attempt of the same request has stored, if there was one."""
        known = self._get(tenant_id, table.request_sk(wanted.request)) if wanted.request else {}
        if not known:
            return EmailTakenError()
        try:
            return Changed(self._user(tenant_id, int(known["userId"]["N"])), None)
        except NotFoundError:
            return ErasedError()


def _unique_items(wanted: _Wanted, user: User) -> list[dict[str, Any]]:
    """Return the items of a new user that must not be there: then it, or another one, has been created."""
    request = [items.request_item(user, wanted.request)] if wanted.request else []
    return [*request, items.address_item(user)]
