"""GET /users/{id}: one user of the caller's tenant."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Response
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.http.parameters import Id
from tenant_auth.http.preconditions import IfNoneMatch, etag, is_known
from tenant_auth.http.problems import answer, responses
from tracing.handler import traced
from users.errors import NotFoundError, UnavailableError
from users.model import User
from users.settings import StoreSettings
from users.store import UserStore

logger = Logger()
metrics = Metrics()
app = create_app(
    "get_user",
    problems={
        NotFoundError: answer(404, "Your tenant has no user with this id."),
        UnavailableError: answer(503, "The user cannot be read now. Please try again."),
    },
    elsewhere=["PATCH", "DELETE"],
)


@app.get(
    "/users/{id}",
    response_model=User,
    responses={304: {"description": "Not Modified"}, **responses(401, 404, 422, 429, 503)},
)
async def get_user(
    caller: CurrentCaller, id: Id, response: Response, if_none_match: IfNoneMatch = None
) -> User | Response:
    """Return a user of the caller's tenant."""
    users = UserStore(tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name)
    user = users.get(caller.tenant_id, id)
    if is_known(user.version, if_none_match):
        return Response(status_code=304, headers={"ETag": etag(user.version)})
    response.headers["ETag"] = etag(user.version)
    return user


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
