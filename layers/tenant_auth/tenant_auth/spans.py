"""A request as a span: https://opentelemetry.io/docs/specs/semconv/http/http-spans/.

Neither the path nor the query is in it, since either may say who a person is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    format_trace_id,
    get_current_span,
    get_tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

_tracer = get_tracer("tenant_auth")
_trace_context = TraceContextTextMapPropagator()


@contextmanager
def server_span(headers: Mapping[str, str], request_id: str) -> Iterator[Span]:
    """Begin a trace with a request, which links to the client's: no client decides what is traced here."""
    client = get_current_span(_trace_context.extract(headers, Context())).get_span_context()
    links = [Link(client)] if client.is_valid else []
    known = {"url.scheme": "https", "aws.request_id": request_id}
    with _tracer.start_as_current_span("HTTP", Context(), SpanKind.SERVER, known, links) as span:
        yield span


def log_fields(span: Span) -> dict[str, str]:
    """Return what leads from a log line to the trace; nothing where there is none."""
    context = span.get_span_context()
    return {"trace_id": format_trace_id(context.trace_id)} if context.is_valid else {}


def response_fields(span: Span) -> dict[str, str]:
    """Return what tells the client which trace its request is: https://www.w3.org/TR/trace-context-2/."""
    carrier: dict[str, str] = {}
    _trace_context.inject(carrier, set_span_in_context(span, Context()))
    return {"traceresponse": carrier["traceparent"]} if carrier else {}


def describe(span: Span, method: str, route: str | None, status: int) -> None:
    """Say in a span what was asked for and how it was answered, once that is known."""
    known = method in _METHODS
    span.update_name(" ".join(filter(None, (method if known else "HTTP", route))))
    span.set_attribute("http.request.method", method if known else "_OTHER")
    span.set_attribute("http.response.status_code", status)
    if route:
        span.set_attribute("http.route", route)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
