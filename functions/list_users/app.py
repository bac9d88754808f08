"""GET /users: the users of the caller's tenant, page by page. GET /health: is the API there."""

from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Query
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.parameters import AS_INTEGER
from tenant_auth.problems import answer, responses
from users.errors import InvalidCursorError, UnavailableError
from users.model import User
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
def health() -> Health:
    """Say that the API is there."""
    return Health(status="OK")


@app.get("/users", responses=responses(400, 401, 422, 429, 503))
def list_users(
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=100), AS_INTEGER] = 50,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
) -> UserPage:
    """List the users of the caller's tenant, oldest first."""
    users = UserStore(tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name)
    page = users.page(caller.tenant_id, limit, cursor)
    return UserPage(users=page.users, next_cursor=page.next_cursor)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
