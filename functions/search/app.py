"""GET /ai/users/search: the users of the caller's tenant whose name and profile are nearest in meaning."""

from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from tenant_auth.app import create_app, serve
from tenant_auth.caller import CurrentCaller
from tenant_auth.parameters import AS_INTEGER
from tenant_auth.problems import answer, responses
from vectors.embedding import embed_query
from vectors.errors import QueryRefusedError, UnavailableError
from vectors.index import user_index
from vectors.query import WORDS, with_words

logger = Logger()
metrics = Metrics()
app = create_app(
    "search",
    problems={
        UnavailableError: answer(503, "The search cannot be answered now. Please try again."),
        QueryRefusedError: answer(422, "This text cannot be searched for by meaning.", "#/query"),
    },
)


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Result(_Answer):
    """A user and the cosine similarity of the query to it, at most 1."""

    user_id: int
    email: str
    name: str
    profile: str
    score: float


class SearchResults(_Answer):
    """The users found, best first; of equal ones the oldest first, whatever the limit."""

    tenant_id: str
    query: str
    results: list[Result]


@app.get("/ai/users/search", responses=responses(401, 422, 429, 503))
def search(
    caller: CurrentCaller,
    query: Annotated[
        str,
        Query(min_length=1, max_length=500, json_schema_extra={"pattern": WORDS}),
        AfterValidator(with_words),
    ],
    limit: Annotated[int, Query(ge=1, le=50), AS_INTEGER] = 5,
) -> SearchResults:
    """Find the users of the caller's tenant that a sentence describes."""
    vector = embed_query(query)
    hits = user_index().search(caller.tenant_id, vector, limit)
    metrics.add_metric("Searches", MetricUnit.Count, 1)
    return SearchResults(
        tenant_id=caller.tenant_id, query=query, results=[Result(**hit._asdict()) for hit in hits]
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return serve(app, event, context)
