"""What an operator has a function do, as a span: https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/."""

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools.utilities.typing import LambdaContext
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, get_tracer

from users.spans import tell_logs

_tracer = get_tracer("users.operator")


@contextmanager
def operating(function: str, context: LambdaContext, tenant: str | None) -> Iterator[Span]:
    """Begin a trace with an invocation by hand, of one tenant or of all; its log lines have it, too."""
    known = {"faas.invocation_id": context.aws_request_id, "faas.trigger": "other"}
    of_tenant = {"event_mesh.tenant": tenant} if tenant else {}
    with _tracer.start_as_current_span(function, Context(), SpanKind.SERVER, {**known, **of_tenant}) as span:
        tell_logs(span)
        yield span
