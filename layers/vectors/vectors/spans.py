"""What search and enrichment wait for, as spans: the model, Qdrant, the steps. None has a text of anybody."""

from contextlib import AbstractContextManager

from opentelemetry.trace import Span, SpanKind, get_tracer
from opentelemetry.util.types import AttributeValue

_tracer = get_tracer("vectors")


def embedding_texts(provider: str, model: str, texts: int) -> AbstractContextManager[Span]:
    """https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#embeddings."""
    return _tracer.start_as_current_span(
        f"embeddings {model}",
        kind=SpanKind.INTERNAL if provider == "local" else SpanKind.CLIENT,
        attributes={
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "event_mesh.texts": texts,
        },
    )


def asking_qdrant(operation: str, collection: str, points: int = 1) -> AbstractContextManager[Span]:
    """https://opentelemetry.io/docs/specs/semconv/database/database-spans/."""
    attributes: dict[str, AttributeValue] = {
        "db.system.name": "qdrant",
        "db.operation.name": operation,
        "db.collection.name": collection,
    }
    if points != 1:
        attributes["db.operation.batch.size"] = points
    return _tracer.start_as_current_span(
        f"{operation} {collection}", kind=SpanKind.CLIENT, attributes=attributes
    )


def taking_step(name: str, people: int) -> AbstractContextManager[Span]:
    """Make a step of the enrichment a span."""
    return _tracer.start_as_current_span(f"step {name}", attributes={"event_mesh.people": people})
