"""POST /users/create: store a user, and announce it on the topic `user.events`."""

from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Request, Response
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.http.parameters import IdempotencyKey
from tenant_auth.http.preconditions import etag
from tenant_auth.http.problems import answer, responses
from tracing.handler import traced
from users.errors import EmailTakenError, ErasedError, InProgressError, KeyReusedError, UnavailableError
from users.idempotency import IdempotentRequests
from users.model import NewUser, User
from users.outbox import Outbox
from users.publisher import announce
from users.settings import StoreSettings
from users.store import UserStore

logger = Logger()
metrics = Metrics()
app = create_app(
    "create_user",
    problems={
        EmailTakenError: answer(409, "A user of your tenant has this e-mail address."),
        ErasedError: answer(410, "The user whom this request created has been erased."),
        InProgressError: answer(409, "The first request with this Idempotency-Key is still at work."),
        KeyReusedError: answer(
            422, "This Idempotency-Key came with another body before.", "header.idempotency-key"
        ),
        UnavailableError: answer(503, "The user cannot be stored now. Please try again."),
    },
)


@app.post("/users/create", status_code=201, responses=responses(400, 401, 409, 410, 413, 415, 422, 429, 503))
async def create_user(
    caller: CurrentCaller,
    new: NewUser,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> User:
    """Create a user in the caller's tenant."""
    dynamodb, table = tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name
    users = UserStore(dynamodb, table)

    def create(request_name: str | None = None) -> User:
        traceparent = request.headers.get("traceparent")
        created = users.create(caller.tenant_id, new, traceparent, request_name)
        if created.event:
            announce(Outbox(dynamodb, table), created.event)
        metrics.add_metric("UsersCreated", MetricUnit.Count, 1)
        return created.user

    if idempotency_key is None:
        user = create()
    else:
        requests = IdempotentRequests(dynamodb, table, caller.tenant_id, request.scope["aws.context"])
        get = partial(users.get, caller.tenant_id)
        user = requests.create(idempotency_key, new, create, get)
    response.headers["Location"] = str(user.id)  # beside this URL, whatever stage or proxy is in front of it
    response.headers["ETag"] = etag(user.version)
    return user


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
