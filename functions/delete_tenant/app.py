"""By hand: erase a tenant, with all that the table and the index hold of it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, StringConstraints
from tracing.handler import traced
from users.errors import NotFoundError, UnavailableError
from users.events import TENANT
from users.operator.client import dynamodb
from users.operator.spans import operating
from users.operator.tenant import TenantItems
from users.outbox import Outbox
from users.publisher import announce
from users.settings import StoreSettings
from users.store import UserStore
from vectors.index import UserIndex, user_index

_PAGE = 100
_PAGE_MILLIS = 20_000  # the longest that one page takes
_QUIET = timedelta(minutes=10)  # so long a tenant that leaves has not created anybody

logger = Logger()
metrics = Metrics()


class Request(BaseModel):
    """The event: which tenant; by force even if it still creates, and without a wait for its events."""

    model_config = ConfigDict(extra="forbid")

    tenant: Annotated[str, StringConstraints(pattern=rf"^{TENANT}\z")]
    force: bool = False
    erased: int | None = None  # of an answer's `next`: how many users the index is to know as erased


class Answer(BaseModel):
    """What was removed this time, and the event that goes on (`next`), null at the end."""

    users: int = 0
    items: int = 0
    points: int = 0
    waiting: int = 0  # for so many events to be published and indexed: come again a second later
    refused: str | None = None
    next: Request | None = None


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Erase the users, wait until the index knows it, then remove what is left; as far as there is time.

    In this order nothing that is under way brings anybody back: each event of a user is in the topic before
    the one that says that the user is gone, and the index forgets the tenant after both.
    """
    request = Request.model_validate(event)
    with operating("delete_tenant", context, request.tenant):
        answer = leave(request, context)
        metrics.add_metric("UsersErased", MetricUnit.Count, answer.users)
        said = answer.model_dump()
        logger.info("tenant leaves", **said)
        return said


def leave(request: Request, context: LambdaContext) -> Answer:
    """Take the next steps, and say which."""
    items = TenantItems(dynamodb(), StoreSettings.read().table_name, request.tenant)
    index = user_index()
    if request.erased is None:
        if not request.force and (refused := still_creates(items)):
            return Answer(refused=refused)
        request = request.model_copy(update={"erased": markers(index, request.tenant)})
    erased, all_of_them = erase_users(request.tenant, context)
    wanted = (request.erased or 0) + erased
    rest = request.model_copy(update={"erased": wanted})
    if not all_of_them:
        return Answer(users=erased, next=rest)
    if not request.force and (waiting := unfinished(items, index, request.tenant, wanted)):
        return Answer(users=erased, waiting=waiting, next=rest)
    removed = 0
    while some := items.remove_rest():
        removed += some
        if context.get_remaining_time_in_millis() < _PAGE_MILLIS:
            return Answer(users=erased, items=removed, next=rest)
    if items.newest_user():  # whom somebody has created meanwhile
        return Answer(users=erased, items=removed, next=rest)
    points = index.forget(request.tenant)
    items.remove_tenant()
    return Answer(users=erased, items=removed + 1, points=points)


def still_creates(items: TenantItems) -> str | None:
    """Return why a tenant does not look as if it had left."""
    newest = items.newest_user()
    if newest and (age := datetime.now(UTC) - newest) < _QUIET:
        return f"It created a user {age.total_seconds():.0f} s ago. Revoke its tokens, and wait {_QUIET}."
    if waiting := items.waiting():
        return f"Kafka has yet to get {waiting} of its events. See what holds up relay_events."
    return None


def erase_users(tenant: str, context: LambdaContext) -> tuple[int, bool]:
    """Erase users, each with its event; return how many, and whether no one is left."""
    name = StoreSettings.read().table_name
    users, outbox = UserStore(dynamodb(), name), Outbox(dynamodb(), name)
    erased = 0
    while context.get_remaining_time_in_millis() >= _PAGE_MILLIS:
        events = []
        try:
            page = users.page(tenant, _PAGE).users
            for user in page:
                try:
                    events.append(users.delete(tenant, user.id))
                except NotFoundError:  # by a request of its own, or another run of this
                    continue
        except UnavailableError:
            if not erased and not events:
                raise
            page = None
        announce(outbox, *events)
        erased += len(events)
        if not page:
            return erased, page is not None
    return erased, False


def unfinished(items: TenantItems, index: UserIndex, tenant: str, erased: int) -> int:
    """Return how many events are still to be published, or indexed."""
    return items.waiting() or max(index.count(tenant), erased - markers(index, tenant), 0)


def markers(index: UserIndex, tenant: str) -> int:
    """Return how many users of a tenant the index knows as erased."""
    return index.count_all(tenant) - index.count(tenant)
