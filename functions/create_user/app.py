"""POST /users/create: store a user, and announce it on the topic `user.events`."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Request, Response
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.problems import answer, responses
from users.errors import EmailTakenError, UnavailableError
from users.model import NewUser, User
from users.publisher import event_publisher
from users.store import user_store

logger = Logger()
metrics = Metrics()
app = create_app(
    "create_user",
    problems={
        EmailTakenError: answer(409, "A user of your tenant has this e-mail address."),
        UnavailableError: answer(503, "Not everything that a new user needs answers. Please try again."),
    },
)


@app.post("/users/create", status_code=201, responses=responses(400, 401, 409, 413, 415, 422, 429, 503))
def create_user(caller: CurrentCaller, new: NewUser, request: Request, response: Response) -> User:
    """Create a user in the caller's tenant."""
    user = user_store().create(caller.tenant_id, new)
    publish(user, request.headers.get("traceparent"))
    metrics.add_metric("UsersCreated", MetricUnit.Count, 1)
    response.headers["Location"] = f"/users/{user.id}"
    return user


def publish(user: User, traceparent: str | None) -> None:
    """Announce `user`; if that fails take it back, so that the client can try again.

    Kafka may have the event all the same when only its acknowledgement is lost: then the user is found by a
    search and not listed. Closing that gap takes an outbox.
    """
    try:
        event_publisher().publish(user, traceparent)
    except Exception:
        logger.warning("event not acknowledged, taking the user back", user_id=user.id, exc_info=True)
        metrics.add_metric("EventsNotPublished", MetricUnit.Count, 1)
        user_store().remove(user)
        raise


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
