"""The spans of an invocation, kept until its end and sent then: after it, Lambda stops the process.

OpenTelemetry's own processors do not fit. One sends each span by itself; the other sends from a thread, which
stands still between two invocations, and waits for a silent endpoint as long as the endpoint likes.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

_TIMEOUT_SECONDS = 0.75  # less than the exporter's shortest pause before it tries again
_PAUSE_SECONDS = 15  # after a failure, so that it costs one wait and not one an invocation
_MOST_SPANS = 2_048
_MOST_LINKS = 10_000  # one for each record of the largest batch that an event source mapping delivers
_RESOURCE = {  # attributes of who makes the spans, by the variable that says it
    "service.name": "POWERTOOLS_SERVICE_NAME",
    "faas.name": "AWS_LAMBDA_FUNCTION_NAME",
    "faas.version": "AWS_LAMBDA_FUNCTION_VERSION",
    "faas.instance": "AWS_LAMBDA_LOG_STREAM_NAME",
    "cloud.region": "AWS_REGION",
}


class Lost(NamedTuple):
    """How many spans did not arrive; and why, where that is new."""

    spans: int = 0
    reason: str = ""


class Spans(SpanProcessor):
    """The spans of the current invocation that have ended."""

    def __init__(self, exporter: SpanExporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._exporter = exporter
        self._clock = clock
        self._ended: list[ReadableSpan] = []
        self._too_many = 0
        self._paused_until = -float("inf")

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span, if it is of a trace that is sampled."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if len(self._ended) < _MOST_SPANS:
            self._ended.append(span)
            return
        self._too_many += 1
        if span.parent is None:  # a root ends last, and leads to all the others
            self._ended[-1] = span

    def send(self) -> Lost:
        """Send what there is, within a second; return what was lost. Nothing is raised."""
        spans, self._ended = self._ended, []
        too_many, self._too_many = self._too_many, 0
        if not spans:
            return Lost()
        if self._clock() < self._paused_until:
            return Lost(len(spans) + too_many)
        if reason := self._failure(spans):
            self._paused_until = self._clock() + _PAUSE_SECONDS
            return Lost(len(spans) + too_many, reason)
        return Lost(too_many)

    def _failure(self, spans: Sequence[ReadableSpan]) -> str:
        """Send spans, and return what went wrong."""
        _said.last = ""
        try:
            result = self._exporter.export([_without_content(span) for span in spans])
        except Exception as error:
            return type(error).__name__
        return "" if result is SpanExportResult.SUCCESS else _said.last or "unknown"


class _Said(logging.Handler):
    """Keeps what the exporter says of a failure, which is more than it returns."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


_said = _Said()


def start() -> Spans:
    """Have spans made from here on, and return them. OTEL_* variables say the rest, as everywhere."""
    exporting = logging.getLogger("opentelemetry.exporter")
    exporting.handlers, exporting.propagate = [_said], False  # we log it ourselves, and once
    spans = Spans(OTLPSpanExporter(timeout=_TIMEOUT_SECONDS))
    known = {name: os.environ[variable] for name, variable in _RESOURCE.items() if variable in os.environ}
    provider = TracerProvider(
        resource=Resource({"service.namespace": "event-mesh", "cloud.provider": "aws", **known}),
        span_limits=SpanLimits(max_links=_MOST_LINKS),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(spans)
    trace.set_tracer_provider(provider)
    return spans


def _without_content(span: ReadableSpan) -> ReadableSpan:
    """Return a span without the words of its errors, which may have a person in them: a type has none."""
    raised = (event.attributes for event in span.events if event.name == "exception")
    first = next((each for each in raised if each), None)
    error = {"error.type": first["exception.type"]} if first else {}
    return ReadableSpan(
        span.name,
        span.context,
        span.parent,
        span.resource,
        {**error, **(span.attributes or {})},
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
