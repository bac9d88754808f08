"""By hand: publish what every user is now, so that an index that lost events agrees with the table again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict
from tracing.handler import traced
from users import cursor as cursors
from users.errors import NotFoundError, UnavailableError
from users.events import LAST_VERSION, user_deleted, user_updated
from users.model import User
from users.operator.bounds import longest_life
from users.operator.client import dynamodb
from users.operator.spans import operating
from users.outbox import Outbox
from users.publisher import event_publisher
from users.settings import StoreSettings
from users.spans import creating
from users.store import UserStore
from vectors.index import user_index

_PAGE = 100
_PAGE_MILLIS = 15_000  # the longest that one page takes: Kafka gives up, DynamoDB is slow

logger = Logger()
metrics = Metrics()


class Place(BaseModel):
    """How far a run has come: in which tenant, after which page."""

    model_config = ConfigDict(extra="forbid")

    tenant: str
    cursor: str | None = None


class Request(BaseModel):
    """The event: whose users, all tenants' if it does not say; after which place of an earlier answer."""

    model_config = ConfigDict(extra="forbid")

    tenant: str | None = None
    after: Place | None = None


class Page(NamedTuple):
    """Users of a tenant, above one id and up to another; and where the next ones begin, None after all."""

    tenant: str
    above: int
    until: int
    users: list[User]
    after: Place | None


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish page by page, as long as there is time; `next` is the event that goes on, null at the end.

    An index that holds a user's version already does not change by it; who is in it and not in the table is
    erased there, too. The end of a run over all tenants also
    removes the markers of users whose older events cannot come any more.
    """
    request = Request.model_validate(event)
    with operating("reindex", context, request.tenant):
        return publish(request, context)


def publish(request: Request, context: LambdaContext) -> dict[str, Any]:
    """Publish as far as there is time, and return how far that was."""
    published, erased, after = 0, 0, request.after
    for page in pages(request):
        gone = only_indexed(page)
        with creating(len(page.users) + len(gone)):
            events = [*map(user_updated, page.users)]
            events += [user_deleted(page.tenant, each, LAST_VERSION) for each in gone]
        errors = event_publisher().publish_all(events)
        if failed := next(filter(None, errors), None):
            if not published:
                raise UnavailableError(f"Kafka did not take the users: {failed}") from failed
            break
        published += len(page.users)
        erased += len(gone)
        after = page.after
        if after is None or context.get_remaining_time_in_millis() < _PAGE_MILLIS:
            break
    else:
        after = None  # there was no page: no tenant
    markers = remove_markers() if after is None and request.tenant is None else 0
    metrics.add_metric("UsersReindexed", MetricUnit.Count, published)
    logger.info(
        "users published", users=published, erased=erased, markers_removed=markers, done=after is None
    )
    rest = Request(tenant=request.tenant, after=after) if after else None
    return {
        "published": published,
        "erased": erased,
        "markersRemoved": markers,
        "next": rest and rest.model_dump(exclude_none=True),
    }


def pages(request: Request) -> Iterator[Page]:
    """Yield users tenant by tenant, from where the request says."""
    users = UserStore(dynamodb(), StoreSettings.read().table_name)
    after = request.after or Place(tenant=request.tenant or "")
    tenants = [request.tenant] if request.tenant else sorted(users.tenants())
    left = [each for each in tenants if each >= after.tenant]
    for tenant, following in zip_longest(left, left[1:]):
        cursor = after.cursor if tenant == after.tenant else None
        while True:
            above = cursors.decode(tenant, cursor) if cursor else 0
            page = users.page(tenant, _PAGE, cursor)
            cursor = page.next_cursor
            if cursor is None:
                after_all = Place(tenant=following) if following else None
                yield Page(tenant, above, 2**53, page.users, after_all)
                break
            yield Page(tenant, above, page.users[-1].id, page.users, Place(tenant=tenant, cursor=cursor))


def only_indexed(page: Page) -> list[int]:
    """Return who is in the index and no more in the table: their deletion was lost.

    An id is never given twice, so whoever is not there will not be.
    """
    stored = {user.id for user in page.users}
    users = UserStore(dynamodb(), StoreSettings.read().table_name)
    missing = [
        each for each in user_index().users_between(page.tenant, page.above, page.until) if each not in stored
    ]
    return [each for each in missing if not is_stored(users, page.tenant, each)]


def is_stored(users: UserStore, tenant: str, user_id: int) -> bool:
    """Whether a user is in the table now; it may have been created after its page was read."""
    try:
        users.get(tenant, user_id)
    except NotFoundError:
        return False
    return True


def remove_markers() -> int:
    """Remove what keeps erased users from coming back, where nothing that could bring them is left.

    That is where Kafka holds no event from before the erasure, by its topics' bounds, nor does the outbox.
    """
    now = datetime.now(UTC)
    life = longest_life()
    if life is None:
        logger.warning("markers are kept", reason="a topic has no bound: docs/deploy.md, Topics")
        return 0
    backlog = Outbox(dynamodb(), StoreSettings.read().table_name).backlog()
    before = now - max(life, timedelta(seconds=backlog.age_seconds))
    return user_index().remove_markers(int(before.timestamp() * 1000))
