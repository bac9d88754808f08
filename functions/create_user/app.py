"""POST /users/create: store a user, and announce it on the topic `user.events`."""

from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Header, Request, Response
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.problems import answer, responses
from users.errors import EmailTakenError, InProgressError, KeyReusedError, UnavailableError
from users.idempotency import IdempotentRequests
from users.model import NewUser, User
from users.outbox import Outbox
from users.publisher import publish
from users.settings import StoreSettings
from users.store import Created, UserStore

logger = Logger()
metrics = Metrics()
app = create_app(
    "create_user",
    problems={
        EmailTakenError: answer(409, "A user of your tenant has this e-mail address."),
        InProgressError: answer(409, "The first request with this Idempotency-Key is still at work."),
        KeyReusedError: answer(
            422, "This Idempotency-Key came with another body before.", "header.idempotency-key"
        ),
        UnavailableError: answer(503, "The user cannot be stored now. Please try again."),
    },
)

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Sent again with the same body within a day, it creates no second user.",
    ),
]


@app.post("/users/create", status_code=201, responses=responses(400, 401, 409, 413, 415, 422, 429, 503))
def create_user(
    caller: CurrentCaller,
    new: NewUser,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> User:
    """Create a user in the caller's tenant."""
    dynamodb, table = tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name

    def create(request_name: str | None = None) -> User:
        traceparent = request.headers.get("traceparent")
        created = UserStore(dynamodb, table).create(caller.tenant_id, new, traceparent, request_name)
        announce(created, Outbox(dynamodb, table))
        metrics.add_metric("UsersCreated", MetricUnit.Count, 1)
        return created.user

    if idempotency_key is None:
        user = create()
    else:
        requests = IdempotentRequests(dynamodb, table, caller.tenant_id, request.scope["aws.context"])
        user = requests.create(idempotency_key, new, create)
    response.headers["Location"] = str(user.id)  # beside this URL, whatever stage or proxy is in front of it
    return user


def announce(created: Created, outbox: Outbox) -> None:
    """Publish the event, if Kafka takes it soon; relay_events sends what stays in the outbox."""
    if created.event is None:
        return
    try:
        publish(created.event.record)
        outbox.remove([created.event])
    except Exception as error:
        unforeseen = not isinstance(error, UnavailableError)
        logger.warning(
            "event left to the relay", event_id=created.event.id, reason=str(error), exc_info=unforeseen
        )
        metrics.add_metric("EventsLeftToRelay", MetricUnit.Count, 1)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
