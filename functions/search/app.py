"""GET /ai/users/search: the users of the caller's tenant, found by meaning and by words."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.http.parameters import AS_INTEGER
from tenant_auth.http.problems import answer, responses
from tracing.handler import traced
from vectors.embedding import embed_query, understands
from vectors.errors import InvalidCursorError, QueryRefusedError, UnavailableError
from vectors.index import user_index
from vectors.query import WORDS, with_words
from vectors.ranking import Mode, Search

logger = Logger()
metrics = Metrics()
app = create_app(
    "search",
    problems={
        InvalidCursorError: answer(400),
        UnavailableError: answer(503, "The search cannot be answered now. Please try again."),
        QueryRefusedError: answer(422, "This text cannot be searched for by meaning.", "query.query"),
    },
)


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Result(_Answer):
    """A user, what found it, and the cosine similarity of the query to it; null with mode=words."""

    user_id: int
    email: str
    name: str
    profile: str
    score: float | None
    matched: list[Literal["meaning", "name", "email", "profile"]]
    topics: list[str]


class SearchResults(_Answer):
    """The users found, best first; of equal ones the oldest first, whatever the limit."""

    tenant_id: str
    query: str
    results: list[Result]
    next_cursor: str | None


@app.get("/ai/users/search", responses=responses(400, 401, 422, 429, 503))
async def search(
    caller: CurrentCaller,
    query: Annotated[
        str,
        Query(min_length=1, max_length=500, json_schema_extra={"pattern": WORDS}),
        AfterValidator(with_words),
    ],
    limit: Annotated[int, Query(ge=1, le=50), AS_INTEGER] = 5,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
    min_score: Annotated[float | None, Query(alias="minScore", ge=-1, le=1)] = None,
    mode: Mode = "hybrid",
    topic: Annotated[str | None, Query(min_length=1, max_length=50)] = None,
) -> SearchResults:
    """Find the users of the caller's tenant that a sentence describes, or who have the words of the query.

    A name, a part of one, an address or a rare word finds whoever has it, also with a letter wrong and
    without accents. `minScore` leaves out whom only the meaning found, with a score below it.
    """
    vector = None if mode == "words" else embed_query(query)
    understood = vector is None or min_score is None or understands(query)  # else nobody asks
    asked = Search(query, mode, min_score, topic, understood)
    page = user_index().search(caller.tenant_id, asked, vector, limit, cursor)
    metrics.add_metric("Searches", MetricUnit.Count, 1)
    return SearchResults(
        tenant_id=caller.tenant_id,
        query=query,
        results=[Result(**hit._asdict()) for hit in page.hits],
        next_cursor=page.next_cursor,
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
