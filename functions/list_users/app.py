"""GET /users: the caller's tenant's users, page by page, or by address. GET /health: is the API there."""

from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.http.parameters import AS_INTEGER
from tenant_auth.http.problems import answer, responses
from tracing.handler import traced
from users.errors import InvalidCursorError, UnavailableError
from users.model import User, unique_email
from users.settings import StoreSettings
from users.store import UserStore

logger = Logger()
metrics = Metrics()
app = create_app(
    "list_users",
    problems={
        InvalidCursorError: answer(400),
        UnavailableError: answer(503, "The users cannot be listed now. Please try again."),
    },
)


class UserPage(BaseModel):
    """Users, oldest first. `nextCursor` is null on the last page."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    users: list[User]
    next_cursor: str | None


class Health(BaseModel):
    """The API answers; it says nothing about what is behind it."""

    status: str


@app.get("/health")
async def health() -> Health:
    """Say that the API is there."""
    return Health(status="OK")


def _address(address: str) -> str:
    """Return an address as it was sent; ValueError says why it is none."""
    unique_email(address)
    return address


@app.get("/users", responses=responses(400, 401, 422, 429, 503))
async def list_users(
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=100), AS_INTEGER] = 50,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
    email: Annotated[
        Annotated[str, AfterValidator(_address)] | None,
        Query(
            max_length=254,
            description="Only the user who has this address, in any case.",
            json_schema_extra={"format": "idn-email"},
        ),
    ] = None,
) -> UserPage:
    """List the users of the caller's tenant, oldest first, or the one who has an address."""
    users = UserStore(tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name)
    if email is not None:
        user = users.by_email(caller.tenant_id, email)
        return UserPage(users=[user] if user else [], next_cursor=None)
    page = users.page(caller.tenant_id, limit, cursor)
    return UserPage(users=page.users, next_cursor=page.next_cursor)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
