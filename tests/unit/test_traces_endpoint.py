"""The mesh's OTLP endpoint: what it takes, how much it keeps, and which traces belong together."""

import gzip
import json
from collections.abc import Iterator

import httpx
import pytest
from mesh.traces.kept import Traces
from mesh.traces.span import Link, Span, read

from tests.otlp_sink import OtlpSink

TRACE, SPAN = "5b8aa5a2d2c872e8321cf37308d69df2", "5fb397be34d26b51"
# As the exporter of any language writes it: integers of 64 bits are strings.
EXPORT = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "create_user"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "users"},
                    "spans": [
                        {
                            "traceId": TRACE,
                            "spanId": SPAN,
                            "name": "POST /users/create",
                            "kind": 2,
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": "1544712661500000000",
                            "attributes": [
                                {"key": "http.response.status_code", "value": {"intValue": "503"}},
                                {
                                    "key": "reasons",
                                    "value": {"arrayValue": {"values": [{"stringValue": "not-json"}]}},
                                },
                            ],
                            "status": {"code": 2},
                        }
                    ],
                }
            ],
        }
    ]
}


@pytest.fixture
def server() -> Iterator[httpx.Client]:
    with OtlpSink() as endpoint, httpx.Client(base_url=endpoint.url) as client:
        yield client


def span(trace: str, *links: str) -> Span:
    to = [Link(each, "1", {}) for each in links]
    return Span(trace, "1", None, f"span of {trace}", "INTERNAL", "enrich", 1, 2, {}, to, failed=False)


def traces_of(spans: list[Span]) -> list[str]:
    return [each.trace_id for each in spans]


def test_given_an_export_when_read_then_it_is_spans() -> None:
    [read_span] = read(EXPORT)
    assert read_span == Span(
        TRACE,
        SPAN,
        None,
        "POST /users/create",
        "SERVER",
        "create_user",
        1544712660000000000,
        1544712661500000000,
        {"http.response.status_code": 503, "reasons": ["not-json"]},
        [],
        failed=True,
    )


@pytest.mark.parametrize("packed", [False, True])
def test_given_an_export_when_sent_then_it_is_listed_and_shown(server: httpx.Client, packed: bool) -> None:
    body = json.dumps(EXPORT).encode()
    headers = {"Content-Type": "application/json", **({"Content-Encoding": "gzip"} if packed else {})}
    sent = server.post("/v1/traces", content=gzip.compress(body) if packed else body, headers=headers)
    assert (sent.status_code, sent.json()) == (200, {})
    [listed] = server.get("/traces").json()["traces"]
    assert (listed["traceId"], listed["name"], listed["failed"]) == (TRACE, "POST /users/create", True)
    [shown] = server.get(f"/traces/{TRACE}").json()["spans"]
    assert (shown["spanId"], shown["milliseconds"], shown["kind"]) == (SPAN, 1500, "SERVER")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"\x0a\x00", "application/x-protobuf", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}', "application/json", 400),
        (b'{"resourceSpans": [7]}', "application/json", 400),
    ],
)
def test_given_what_is_no_export_in_json_when_sent_then_it_is_refused_and_nothing_is_kept(
    server: httpx.Client, content: bytes, kind: str, status: int
) -> None:
    sent = server.post("/v1/traces", content=content, headers={"Content-Type": kind})
    assert sent.status_code == status
    assert sent.json()["message"]
    assert server.get("/traces").json() == {"traces": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(b" " * (16 * 2**20 + 1)), 413),  # 16 kB, as they are sent
        (gzip.compress(json.dumps(EXPORT).encode())[:-9], 400),
        (b"no gzip at all", 400),
    ],
)
def test_given_a_body_that_unpacks_to_too_much_or_not_at_all_when_sent_then_it_is_refused(
    server: httpx.Client, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert server.post("/v1/traces", content=body, headers=headers).status_code == status
    assert server.get("/traces").json() == {"traces": []}


def test_given_a_body_that_is_too_long_when_sent_then_it_is_refused(server: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    sent = server.post("/v1/traces", content=b" " * (16 * 2**20 + 1), headers=headers)
    assert sent.status_code == 413


@pytest.mark.parametrize("path", ["/", f"/traces/{TRACE}", "/nothing"])
def test_given_nothing_there_when_asked_then_it_is_404(server: httpx.Client, path: str) -> None:
    assert server.get(path).status_code == 404


def test_given_a_batch_when_one_of_its_events_is_followed_then_the_batch_is_on_the_way() -> None:
    traces = Traces()
    traces.add([span("a"), span("b"), span("batch", "a", "b"), span("other", "b")])
    assert sorted(traces_of(traces.way("a"))) == ["a", "batch"]
    assert sorted(traces_of(traces.way("b"))) == ["b", "batch", "other"]
    assert traces_of(traces.way("batch")) == ["batch"]


def test_given_more_spans_of_a_trace_than_are_kept_when_its_root_comes_last_then_it_is_kept() -> None:
    traces = Traces()
    root = span("a")
    traces.add([*[root._replace(parent_id="1", name="child")] * 1_001, root])
    names = [each.name for each in traces.way("a")]
    assert (names.count("child"), names.count(root.name)) == (1_000, 1)


def test_given_more_traces_than_are_kept_when_added_then_the_longest_quiet_is_forgotten() -> None:
    traces = Traces(most=2)
    traces.add([span("batch", "b"), span("b"), span("batch"), span("c")])
    assert [traces_of(each)[0] for each in traces.last(10)] == ["c", "batch"]
    assert traces_of(traces.way("b")) == ["batch", "batch"]
    traces.add([span("d"), span("e")])
    assert traces.way("b") == []
    assert vars(traces)["_linking"] == {}
