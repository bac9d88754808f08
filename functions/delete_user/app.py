"""DELETE /users/{id}: erase a user, and announce it on the topic `user.events`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Request, Response
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.http.parameters import Id
from tenant_auth.http.preconditions import ExpectedVersions
from tenant_auth.http.problems import answer, responses
from tracing.handler import traced
from users.errors import NotFoundError, UnavailableError, VersionMismatchError
from users.outbox import Outbox
from users.publisher import announce
from users.settings import StoreSettings
from users.store import UserStore

logger = Logger()
metrics = Metrics()
app = create_app(
    "delete_user",
    problems={
        NotFoundError: answer(404, "Your tenant has no user with this id."),
        VersionMismatchError: answer(412, "The user is not the one that If-Match names. Read it again."),
        UnavailableError: answer(503, "The user cannot be erased now. Please try again."),
    },
)


@app.delete(
    "/users/{id}",
    status_code=204,
    response_class=Response,
    responses=responses(400, 401, 404, 412, 422, 429, 503),
)
async def delete_user(caller: CurrentCaller, id: Id, expected: ExpectedVersions, request: Request) -> None:
    """Erase a user of the caller's tenant: at once from the table, and soon wherever else it is."""
    dynamodb, table = tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name
    traceparent = request.headers.get("traceparent")
    event = UserStore(dynamodb, table).delete(caller.tenant_id, id, expected, traceparent)
    announce(Outbox(dynamodb, table), event)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
