"""POST /users/import: store many users at once, and announce each on the topic `user.events`."""

from hashlib import sha256
from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Depends, Request
from pydantic import BaseModel, Field, ValidationError
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.http.body import JSON, Body, media_type
from tenant_auth.http.entries import NDJSON, EntriesError, NotJson, NotJsonError, entries
from tenant_auth.http.parameters import IdempotencyKey
from tenant_auth.http.problems import FieldError, answer, field_errors, responses
from tracing.handler import traced
from users.errors import EmailTakenError, ErasedError, UnavailableError
from users.model import NewUser, User
from users.outbox import Outbox
from users.publisher import announce
from users.settings import StoreSettings
from users.store import Changed, UserStore

MOST_ENTRIES = 100


async def _sent_entries(request: Request) -> list[object]:
    """Return what was sent, read once: the rate limit asks for it first."""
    if not hasattr(request.state, "entries"):
        content_type = request.headers.get("content-type")
        request.state.entries = entries(await request.body(), media_type(content_type), MOST_ENTRIES)
    sent: list[object] = request.state.entries
    return sent


async def _tokens(request: Request) -> int:
    """Return how many requests to create_user a request stands for."""
    try:
        return len(await _sent_entries(request))
    except (NotJsonError, EntriesError):
        return 1


logger = Logger()
metrics = Metrics()
app = create_app(
    "import_users",
    problems={
        NotJsonError: answer(400),
        EntriesError: answer(422, pointer="body"),
        UnavailableError: answer(503, "The users cannot be stored now. Please try again."),
    },
    takes=Body(media_types=(*JSON, *NDJSON), max_kib=1024, tokens=_tokens),
)


class Outcome(BaseModel):
    """What became of an entry: `taken` is another user's address, `unavailable` means: send it again.

    `erased` is who was created by this import when it was sent before, and has been erased since.
    """

    status: Literal["created", "taken", "erased", "invalid", "unavailable"]
    user: User | None = Field(default=None, description="With created")
    problems: list[FieldError] | None = Field(default=None, description="With invalid: each wrong field")


class Outcomes(BaseModel):
    """An outcome for each entry, in their order."""

    outcomes: list[Outcome]


_NEW_USER = {"$ref": "#/components/schemas/NewUser"}
_FORMS = {
    JSON[0]: {"schema": {"type": "array", "items": _NEW_USER, "minItems": 1, "maxItems": MOST_ENTRIES}},
    NDJSON[0]: {"schema": _NEW_USER},  # one on each line
}


@app.post(
    "/users/import",
    response_model_exclude_none=True,
    responses=responses(400, 401, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": {"required": True, "content": _FORMS}},
)
async def import_users(
    caller: CurrentCaller,
    sent: Annotated[list[object], Depends(_sent_entries)],
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> Outcomes:
    """Create up to a hundred users in the caller's tenant; one that is wrong spoils no other."""
    dynamodb, table = tenant_dynamodb(caller.tenant_id), StoreSettings.read().table_name
    traceparent = request.headers.get("traceparent")
    checked = [_checked(entry) for entry in sent]
    news = {place: each for place, each in enumerate(checked) if isinstance(each, NewUser)}
    names = [_request_name(idempotency_key, place, new) for place, new in news.items()]
    results = UserStore(dynamodb, table).create_all(caller.tenant_id, [*news.values()], traceparent, names)
    created = [result for result in results if isinstance(result, Changed)]
    announce(Outbox(dynamodb, table), *(each.event for each in created if each.event))
    metrics.add_metric("UsersCreated", MetricUnit.Count, len(created))
    stored = map(_outcome, results)
    return Outcomes(outcomes=[next(stored) if isinstance(each, NewUser) else each for each in checked])


def _checked(entry: object) -> NewUser | Outcome:
    """Return the user whom an entry describes, or what is wrong with it."""
    if isinstance(entry, NotJson):
        wrong = [FieldError(pointer="", detail="This line is not JSON.")]
    elif not isinstance(entry, dict):
        wrong = [FieldError(pointer="", detail="An entry is a JSON object.")]
    else:
        try:
            return NewUser.model_validate(entry)
        except ValidationError as error:
            wrong = field_errors(error.errors())
    return Outcome(status="invalid", problems=wrong)


def _request_name(key: str | None, place: int, new: NewUser) -> str | None:
    """Return what makes an entry the same one when it is sent again; None without an Idempotency-Key."""
    if key is None:
        return None
    return sha256("\0".join((key, str(place), new.model_dump_json())).encode()).hexdigest()


def _outcome(result: Changed | EmailTakenError | ErasedError | UnavailableError) -> Outcome:
    match result:
        case Changed():
            return Outcome(status="created", user=result.user)
        case EmailTakenError():
            return Outcome(status="taken")
        case ErasedError():
            return Outcome(status="erased")
        case _:
            return Outcome(status="unavailable")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
