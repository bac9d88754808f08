"""The spans of an invocation: sent at its end, as far as somebody takes them."""

import socket
from collections.abc import Sequence

import pytest
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import StatusCode, Tracer
from tracing import spans as module
from tracing.spans import Lost, Spans


class FakeExporter(SpanExporter):
    """An endpoint that can be down."""

    def __init__(self) -> None:
        self.exports: list[Sequence[ReadableSpan]] = []
        self.answers: SpanExportResult | Exception = SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.exports.append(spans)
        if isinstance(self.answers, Exception):
            raise self.answers
        if self.answers is SpanExportResult.FAILURE:
            module._said.last = "refused"
        return self.answers


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def exporter() -> FakeExporter:
    return FakeExporter()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spans(exporter: FakeExporter, clock: Clock) -> Spans:
    return Spans(exporter, clock)


def tracer(spans: Spans, sampler: Sampler = ALWAYS_ON) -> Tracer:
    provider = TracerProvider(sampler, Resource({}), shutdown_on_exit=False)
    provider.add_span_processor(spans)
    return provider.get_tracer("test")


def names(spans: Sequence[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]


def test_given_spans_when_sent_then_they_go_together_and_once(spans: Spans, exporter: FakeExporter) -> None:
    for name in ("a", "b"):
        tracer(spans).start_span(name).end()
    assert (spans.send(), spans.send()) == (Lost(), Lost())
    assert [names(each) for each in exporter.exports] == [["a", "b"]]


def test_given_a_trace_that_is_not_sampled_when_sent_then_nothing_goes(
    spans: Spans, exporter: FakeExporter
) -> None:
    tracer(spans, ALWAYS_OFF).start_span("a").end()
    spans.send()
    assert exporter.exports == []


@pytest.mark.parametrize(
    ("answer", "reason"), [(SpanExportResult.FAILURE, "refused"), (ValueError("Ada"), "ValueError")]
)
def test_given_a_failure_when_spans_follow_then_they_are_lost_for_a_while_and_nobody_is_asked(
    spans: Spans, exporter: FakeExporter, clock: Clock, answer: SpanExportResult | Exception, reason: str
) -> None:
    exporter.answers = answer
    lost = []
    for clock.now in (0, 14.9):
        tracer(spans).start_span("a").end()
        lost.append(spans.send())
    assert (len(exporter.exports), lost) == (1, [Lost(1, reason), Lost(1)])
    exporter.answers = SpanExportResult.SUCCESS
    clock.now = 15
    tracer(spans).start_span("b").end()
    assert spans.send() == Lost()
    assert names(exporter.exports[1]) == ["b"]


def test_given_more_spans_than_memory_is_for_when_sent_then_the_rest_is_lost(
    spans: Spans, exporter: FakeExporter
) -> None:
    start = tracer(spans).start_span
    for _ in range(2_050):
        start("a").end()
    assert (spans.send(), len(exporter.exports[0])) == (Lost(2), 2_048)


def test_given_more_spans_than_memory_is_for_when_their_root_ends_then_it_is_kept(
    spans: Spans, exporter: FakeExporter
) -> None:
    with tracer(spans).start_as_current_span("root"):
        for _ in range(2_050):
            tracer(spans).start_span("a").end()
    assert (spans.send(), names(exporter.exports[0])[-2:]) == (Lost(3), ["a", "root"])


def test_given_an_error_when_sent_then_its_type_is_told_and_not_its_words(
    spans: Spans, exporter: FakeExporter
) -> None:
    with pytest.raises(ValueError, match="Ada"), tracer(spans).start_as_current_span("a"):
        raise ValueError("Ada Lovelace is no address")
    spans.send()
    [[span]] = exporter.exports
    assert span.attributes == {"error.type": "ValueError"}
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


def test_given_an_endpoint_that_never_answers_when_sent_then_it_comes_to_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        spans = Spans(OTLPSpanExporter(url, timeout=module._TIMEOUT_SECONDS))
        tracer(spans).start_span("a").end()
        assert spans.send().spans == 1
