"""The way of an event, as spans: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/.

    create   the transaction that stores the event; of reindex, a page. The event carries this span's context
    send     Kafka takes the event: from the function that made it, or later from the relay
    process  a batch of events is brought into the index

`send` and `process` link to the `create` of each event. Where they are not a part of something else, and all
their events are of one trace, they are in that trace.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from aws_lambda_powertools import Logger
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    format_trace_id,
    get_current_span,
    get_tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from users.consumer.received import Received
from users.events import Record

_TOPIC = "user.events"  # as it is called where nobody needs to know what a deployment calls it
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_tracer = get_tracer("users")
_trace_context = TraceContextTextMapPropagator()
_logger = Logger()


def creating(events: int = 1) -> AbstractContextManager[Span]:
    """Make the transaction that stores events a span, which the events made in it carry."""
    return _tracer.start_as_current_span(
        f"create {_TOPIC}", kind=SpanKind.PRODUCER, attributes=_attributes("create", _TOPIC, events)
    )


@contextmanager
def sending(topic: str, records: Sequence[Record]) -> Iterator[list[Span]]:
    """Make it a span, or one in each event's trace, that Kafka takes records; yield that of each record."""
    links = [_link(record) for record in records]
    within = get_current_span().get_span_context().is_valid
    places: dict[int, list[int]] = {}
    for place, link in enumerate(links):
        places.setdefault(link.context.trace_id if link and not within else 0, []).append(place)
    spans: dict[int, Span] = {}
    with ExitStack() as stack:
        for those in places.values():
            linked = [link for place in those if (link := links[place])]
            span = stack.enter_context(
                _tracer.start_as_current_span(
                    f"send {topic}",
                    None if within else _parent(linked),
                    SpanKind.CLIENT,
                    _attributes("send", topic, len(those)),
                    linked,
                )
            )
            spans.update(dict.fromkeys(those, span))
        yield [spans[place] for place in range(len(records))]


@contextmanager
def processing(batch: Sequence[Received]) -> Iterator[Span]:
    """Make the work on a batch a span; its trace is on every log line from here on."""
    linked = [link for each in batch if (link := _link(each.record))]
    topic = batch[0].topic if batch else _TOPIC
    attributes = _attributes("process", topic, len(batch))
    with _tracer.start_as_current_span(
        f"process {topic}", _parent(linked), SpanKind.CONSUMER, attributes, linked
    ) as span:
        tell_logs(span)
        yield span


def tell_logs(span: Span) -> None:
    """Have the trace of a span on every log line of this invocation, from here on."""
    if span.is_recording():
        _logger.append_keys(trace_id=format_trace_id(span.get_span_context().trace_id))


def _attributes(operation: str, topic: str, events: int) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        **({} if events == 1 else {"messaging.batch.message_count": events}),
    }


def _link(record: Record) -> Link | None:
    """Return the way from a span to where its event was made, if the event tells."""
    headers = dict(reversed(record.headers))
    if "traceparent" not in headers:
        return None
    carrier = {"traceparent": headers["traceparent"].decode("ascii", "replace")}
    made = get_current_span(_trace_context.extract(carrier, Context())).get_span_context()
    event_id = headers.get("ce_id", b"")  # a stranger's may say anything
    known = {"messaging.message.id": event_id.decode()} if _UUID.fullmatch(event_id) else {}
    return Link(made, known) if made.is_valid else None


def _parent(linked: Sequence[Link]) -> Context:
    """Return where a span is that has no place yet: in the trace of its events, if that is one."""
    made: dict[int, SpanContext] = {link.context.trace_id: link.context for link in reversed(linked)}
    [*one] = made.values()
    return set_span_in_context(NonRecordingSpan(one[0]), Context()) if len(one) == 1 else Context()
