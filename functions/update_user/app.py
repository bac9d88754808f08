"""PATCH /users/{id}: change a user, and announce it on the topic `user.events`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Request, Response
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.http.body import Body
from tenant_auth.http.parameters import Id
from tenant_auth.http.preconditions import ExpectedVersions, etag
from tenant_auth.http.problems import answer, responses
from tracing.handler import traced
from users.errors import EmailTakenError, NotFoundError, UnavailableError, VersionMismatchError
from users.model import User, UserPatch
from users.outbox import Outbox
from users.publisher import announce
from users.settings import StoreSettings
from users.store import UserStore

MERGE_PATCH = "application/merge-patch+json"

logger = Logger()
metrics = Metrics()
app = create_app(
    "update_user",
    problems={
        NotFoundError: answer(404, "Your tenant has no user with this id."),
        EmailTakenError: answer(409, "A user of your tenant has this e-mail address."),
        VersionMismatchError: answer(412, "The user is not the one that If-Match names. Read it again."),
        UnavailableError: answer(503, "The user cannot be changed now. Please try again."),
    },
    takes=Body(media_types=(MERGE_PATCH, "application/json")),
)


@app.patch(
    "/users/{id}",
    responses=responses(400, 401, 404, 409, 412, 413, 415, 422, 429, 503),
    openapi_extra={
        "requestBody": {"content": {MERGE_PATCH: {"schema": {"$ref": "#/components/schemas/UserPatch"}}}}
    },
)
async def update_user(
    caller: CurrentCaller,
    id: Id,
    patch: UserPatch,
    expected: ExpectedVersions,
    request: Request,
    response: Response,
) -> User:
    """Change what the patch names of a user of the caller's tenant (JSON merge patch, RFC 7396)."""
    dynamodb, table = tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name
    traceparent = request.headers.get("traceparent")
    changed = UserStore(dynamodb, table).update(caller.tenant_id, id, patch, expected, traceparent)
    if changed.event:
        announce(Outbox(dynamodb, table), changed.event)
    response.headers["ETag"] = etag(changed.user.version)
    return changed.user


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
