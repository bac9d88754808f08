"""The way of an event through the functions, as the spans that arrive at an OTLP endpoint."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from mesh.traces.span import Span
from opentelemetry import trace
from opentelemetry.util._once import Once
from users.consumer.dead_letters import own_record
from users.events import Record, user_created

from tests import sam
from tests.kafka import delivered
from tests.otlp_sink import OtlpSink
from tests.people import ALICE
from tests.unit import gateway
from tests.unit.conftest import ColdStart, Function, loaded
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")  # Powertools, when a batch raises

TOKEN = "tenant-a:user-1"
ADA = {"email": "ada@lovelace.dev", "name": "Ada Lovelace", "profile": "weaves engines"}
CLIENTS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}

CREATED = """
create_user: SERVER POST /users/create
  create_user: PRODUCER create user.events
  create_user: CLIENT send user.events → create
"""
PROCESSED = f"""
enrich: CLIENT retrieve user_embeddings
enrich: INTERNAL step embedding
  enrich: INTERNAL embeddings {MODEL}
enrich: INTERNAL step topics
  enrich: INTERNAL embeddings {MODEL}
enrich: CLIENT upsert user_embeddings
"""


class Sink(OtlpSink):
    """The mesh's endpoint, which also keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.exports: list[bytes] = []

    def take(self, export: bytes) -> None:
        self.exports.append(export)
        super().take(export)

    def spans(self) -> list[Span]:
        return [span for spans in reversed(self.traces.last(1_000)) for span in spans]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def start(
    aws: DynamoFaults,
    kafka: FakeKafka,
    qdrant: FakeQdrant,
    model: FakeModel,
    sink: Sink,
    cold_start: ColdStart,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ColdStart]:
    """Start functions of a deployment whose traces go to the sink."""
    monkeypatch.setitem(sam._DEPLOYMENT, "OtlpEndpoint", sink.url)

    def started(name: str) -> Function:
        forget_tracers()
        return cold_start(name)

    yield started
    forget_tracers()


def forget_tracers() -> None:
    """Be an execution environment that has none yet: the API lets a process set them once."""
    loaded.cache_clear()
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE = Once()


def create(start: ColdStart, **headers: str) -> gateway.Answer:
    return start("create_user").http("POST", "/users/create", token=TOKEN, json=ADA, headers=headers)


def trace_of(answer: gateway.Answer) -> str:
    return answer.headers["traceresponse"].split("-")[1]


def records(kafka: FakeKafka, topic: str = "user.events") -> list[Record]:
    return [Record(each.key, each.value, each.headers) for each in kafka.records if each.topic == topic]


def tree(spans: list[Span]) -> str:
    """Draw spans below their parents, as they began, with what they link to; AssertionError for an orphan."""
    names = {span.span_id: span.name for span in spans}
    assert {span.parent_id for span in spans} <= {None, *names}

    def draw(parent_id: str | None, depth: int) -> Iterator[str]:
        for span in spans:
            if span.parent_id == parent_id:
                linked = [names.get(link.span_id, "elsewhere").split(" ")[0] for link in span.links]
                arrow = f" → {' '.join(linked)}" if linked else ""
                yield f"{'  ' * depth}{span.service}: {span.kind} {span.name}{arrow}"
                yield from draw(span.span_id, depth + 1)

    return "\n" + "\n".join(draw(None, 0)) + "\n"


def within(depth: int, drawn: str) -> str:
    return "".join(f"{'  ' * depth}{line}\n" for line in drawn.strip().splitlines())


def test_given_a_user_when_it_has_become_searchable_then_one_trace_has_the_whole_way(
    start: ColdStart, sink: Sink, kafka: FakeKafka
) -> None:
    created = create(start)
    start("enrich").invoke(delivered(*records(kafka)))
    assert tree(sink.traces.way(trace_of(created))) == (
        "\n"
        "create_user: SERVER POST /users/create\n"
        "  create_user: PRODUCER create user.events\n"
        "    enrich: CONSUMER process user.events → create\n"
        + within(3, PROCESSED)
        + "  create_user: CLIENT send user.events → create\n"
    )
    assert len(sink.traces.last(10)) == 1


def test_given_a_hundred_and_fifty_events_of_as_many_traces_when_processed_then_there_is_a_link_to_each(
    start: ColdStart, sink: Sink, kafka: FakeKafka
) -> None:
    created = create(start)
    others = [
        user_created(ALICE.model_copy(update={"id": number}), f"00-{number:032x}-{number:016x}-01")
        for number in range(1, 150)
    ]
    start("enrich").invoke(delivered(*records(kafka), *others))
    links = " ".join(["create", *["elsewhere"] * 149])
    assert tree(sink.traces.way(trace_of(created))) == (
        CREATED + f"enrich: CONSUMER process user.events → {links}\n" + within(1, PROCESSED)
    )


def test_given_kafka_was_down_when_the_relay_has_sent_the_event_then_that_is_in_its_trace(
    start: ColdStart, sink: Sink, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka.fails_to = "connect"
    first, second = create(start), None
    second = start("create_user").http("POST", "/users/create", token=TOKEN, json={**ADA, "email": "b@x.dev"})
    kafka.fails_to = None
    relay = start("relay_events")
    monkeypatch.setattr("users.outbox._IN_FLIGHT", timedelta(seconds=-1))
    relay.invoke(TICK)
    for created in (first, second):
        spans = sink.traces.way(trace_of(created))
        assert tree(spans) == (
            "\n"
            "create_user: SERVER POST /users/create\n"
            "  create_user: PRODUCER create user.events\n"
            "    relay_events: CLIENT send user.events → create\n"
            "  create_user: CLIENT send user.events → create\n"
        )
        assert [span.service for span in spans if span.failed] == ["create_user"]
    start("enrich").invoke(delivered(records(kafka)[0]))
    assert "    enrich: CONSUMER process user.events → create\n" in tree(sink.traces.way(trace_of(first)))


def test_given_a_dead_letter_when_replayed_then_both_ways_are_in_its_trace(
    start: ColdStart, sink: Sink, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    created = create(start)
    qdrant.refuses = {"Ada": 422}
    start("enrich").invoke(delivered(*records(kafka)))
    qdrant.refuses = {}
    (letter,) = records(kafka, "user.events.dlq")
    start("enrich").invoke(delivered(own_record(letter)))
    drawn = tree(sink.traces.way(trace_of(created)))
    once = "    enrich: CONSUMER process user.events → create\n" + within(3, PROCESSED)
    assert drawn == (
        "\n"
        "create_user: SERVER POST /users/create\n"
        "  create_user: PRODUCER create user.events\n"
        + once
        + "      enrich: CLIENT send user.events.dlq → create\n"
        + once
        + "  create_user: CLIENT send user.events → create\n"
    )


def test_given_poison_when_processed_then_its_trace_says_why_and_where_it_went(
    start: ColdStart, sink: Sink
) -> None:
    poison = user_created(ALICE, CLIENTS)._replace(value=b"Alice Chen {")
    start("enrich").invoke(delivered(poison))
    process, send = sorted(sink.spans(), key=lambda span: span.start)
    assert (process.kind, process.name) == ("CONSUMER", "process user.events")
    assert process.attributes["event_mesh.dead_letters"] == ["not-json"]
    assert (send.kind, send.name, send.parent_id) == ("CLIENT", "send user.events.dlq", process.span_id)
    assert {span.trace_id for span in (process, send)} == {CLIENTS.split("-")[1]}


def test_given_a_user_when_searched_changed_and_erased_then_each_request_is_a_trace(
    start: ColdStart, sink: Sink
) -> None:
    created = create(start).json
    search = start("search").http("GET", "/ai/users/search", token=TOKEN, query={"query": "weaver"})
    path = {"path": f"/users/{created['id']}", "route": "/users/{id}", "token": TOKEN}
    change = start("update_user").http("PATCH", json={"name": "Ada King"}, **path)
    erasure = start("delete_user").http("DELETE", **path)
    assert (search.status, change.status, erasure.status) == (200, 200, 204)
    assert tree(sink.traces.way(trace_of(search))) == (
        "\n"
        "search: SERVER GET /ai/users/search\n"
        f"  search: INTERNAL embeddings {MODEL}\n"
        "  search: CLIENT query user_embeddings\n"
    )
    for answer, function, route in (
        (change, "update_user", "PATCH /users/{id}"),
        (erasure, "delete_user", "DELETE /users/{id}"),
    ):
        assert tree(sink.traces.way(trace_of(answer))) == (
            "\n"
            f"{function}: SERVER {route}\n"
            f"  {function}: PRODUCER create user.events\n"
            f"  {function}: CLIENT send user.events → create\n"
        )


def test_given_an_import_when_sent_then_its_events_share_the_span_of_their_transaction(
    start: ColdStart, sink: Sink, kafka: FakeKafka
) -> None:
    people = [{"email": f"u{number}@x.dev", "name": "U"} for number in range(30)]
    answer = start("import_users").http("POST", "/users/import", token=TOKEN, json=people)
    links = " ".join(["create"] * 30)
    assert tree(sink.traces.way(trace_of(answer))) == (
        "\n"
        "import_users: SERVER POST /users/import\n"
        "  import_users: PRODUCER create user.events\n"
        "  import_users: PRODUCER create user.events\n"
        f"  import_users: CLIENT send user.events → {links}\n"
    )


def test_given_users_when_reindexed_then_one_trace_has_what_was_published_and_indexed(
    start: ColdStart, sink: Sink, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    for email in ("a@x.dev", "b@x.dev", "c@x.dev"):
        start("create_user").http("POST", "/users/create", token=TOKEN, json={**ADA, "email": email})
    kafka.records.clear()
    reindex = start("reindex")
    monkeypatch.setattr(reindex.module, "_PAGE", 2)
    reindex.invoke({"tenant": "tenant-a"})
    start("enrich").invoke(delivered(*records(kafka)[:2]))
    [line] = reindex.logs(message="users published")
    spans = sink.traces.way(line["trace_id"])
    assert tree(spans) == (
        "\n"
        "reindex: SERVER reindex\n"
        "  reindex: PRODUCER create user.events\n"
        "    enrich: CONSUMER process user.events → create create\n"
        + within(3, PROCESSED)
        + "  reindex: CLIENT send user.events → create create\n"
        "  reindex: PRODUCER create user.events\n"
        "  reindex: CLIENT send user.events → create\n"
    )
    assert spans[0].attributes == {
        "faas.invocation_id": line["function_request_id"],
        "faas.trigger": "other",
        "event_mesh.tenant": "tenant-a",
    }


def test_given_users_when_their_tenant_is_erased_then_one_trace_has_each_erasure(
    start: ColdStart, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for email in ("a@x.dev", "b@x.dev"):
        start("create_user").http("POST", "/users/create", token=TOKEN, json={**ADA, "email": email})
    function = start("delete_tenant")
    function.invoke({"tenant": "tenant-a", "force": True})
    [line] = function.logs(message="tenant leaves")
    assert tree(sink.traces.way(line["trace_id"])) == (
        "\n"
        "delete_tenant: SERVER delete_tenant\n"
        "  delete_tenant: PRODUCER create user.events\n"
        "  delete_tenant: PRODUCER create user.events\n"
        "  delete_tenant: CLIENT send user.events → create create\n"
    )


def test_given_a_clients_trace_when_created_then_ours_links_to_it_and_log_lines_and_event_are_of_ours(
    start: ColdStart, sink: Sink, kafka: FakeKafka
) -> None:
    function = start("create_user")
    answer = function.http("POST", "/users/create", token=TOKEN, json=ADA, headers={"traceparent": CLIENTS})
    server, made, _ = sink.traces.way(trace_of(answer))
    assert server.parent_id is None
    assert [link.trace_id for link in server.links] == [CLIENTS.split("-")[1]] != [server.trace_id]
    assert (
        answer.headers["traceresponse"] == f"00-{server.trace_id}-{server.span_id}-03"
    )  # sampled, and the id is random
    carried = dict(kafka.records[0].headers)["traceparent"].decode()
    assert carried == f"00-{made.trace_id}-{made.span_id}-03"
    (line,) = function.logs(message="request")
    assert line["trace_id"] == server.trace_id
    assert server.attributes == {
        "url.scheme": "https",
        "aws.request_id": line["request_id"],
        "event_mesh.tenant": "tenant-a",
        "http.request.method": "POST",
        "http.route": "/users/create",
        "http.response.status_code": 201,
    }


def test_given_no_endpoint_when_created_then_nothing_speaks_of_a_trace(
    aws: DynamoFaults, kafka: FakeKafka, cold_start: ColdStart
) -> None:
    function = cold_start("create_user")
    answer = function.http("POST", "/users/create", token=TOKEN, json=ADA)
    assert "traceresponse" not in answer.headers
    assert "traceparent" not in dict(kafka.records[0].headers)
    assert [line for line in function.logs() if "trace_id" in line] == []


def test_given_a_batch_when_processed_then_its_log_lines_have_its_trace(start: ColdStart, sink: Sink) -> None:
    enrich = start("enrich")
    enrich.invoke(delivered(user_created(ALICE, CLIENTS)))
    (line,) = enrich.logs(message="batch indexed")
    assert line["trace_id"] == CLIENTS.split("-")[1]


def test_given_qdrant_is_down_when_searched_then_the_trace_says_which_error_and_no_more(
    start: ColdStart, sink: Sink, qdrant: FakeQdrant
) -> None:
    function = start("search")
    function.http("GET", "/ai/users/search", token=TOKEN, query={"query": "first, it is opened"})
    qdrant.down = True
    answer = function.http("GET", "/ai/users/search", token=TOKEN, query={"query": "weaver"})
    server, _, asked = sink.traces.way(trace_of(answer))
    assert (server.failed, server.attributes["error.type"]) == (True, "503")
    assert asked.attributes["error.type"].endswith("ResponseHandlingException")
    assert b"10.0.0.7" not in b"".join(sink.exports)


def test_given_the_endpoint_is_down_when_created_then_it_is_answered_and_the_loss_counted(
    start: ColdStart, sink: Sink
) -> None:
    sink.stop()
    function = start("create_user")
    for number in range(3):
        new = {**ADA, "email": f"u{number}@x.dev"}
        assert function.http("POST", "/users/create", token=TOKEN, json=new).status == 201
    assert [each["SpansLost"] for each in function.metrics() if "SpansLost" in each] == [[3], [3], [3]]
    assert len(function.logs(message="spans not sent")) == 1


def test_given_people_when_all_is_done_with_them_then_no_span_says_who_they_are_or_what_was_searched_for(
    start: ColdStart, sink: Sink, kafka: FakeKafka, qdrant: FakeQdrant
) -> None:
    created = create(start).json
    create(start)  # taken
    function = start("create_user")
    function.http("POST", "/users/create", token=TOKEN, json={**ADA, "email": "Lovelace@"})
    function.http("POST", "/users/create/Lovelace", token=TOKEN, json=ADA)
    function.http("LOVELACE", "/users/create", token=TOKEN)
    search = start("search")
    search.http("GET", "/ai/users/search", token=TOKEN, query={"query": "Lovelace, who weaves engines"})
    path = {"path": f"/users/{created['id']}", "route": "/users/{id}", "token": TOKEN}
    start("update_user").http("PATCH", json={"name": "Ada Lovelace King"}, **path)
    start("list_users").http("GET", "/users", token=TOKEN, query={"email": ADA["email"]})
    enrich = start("enrich")
    good = records(kafka)[0]
    headers = [*(each for each in good.headers if each[0] != "ce_id"), ("ce_id", b"Lovelace")]
    enrich.invoke(delivered(*records(kafka), good._replace(headers=headers, value=b"Lovelace")))
    qdrant.down = True
    with pytest.raises(Exception, match="Qdrant"):
        enrich.invoke(delivered(user_created(ALICE)))
    assert len(sink.spans()) > 20
    exported = b"".join(sink.exports).lower()
    private = (
        "lovelace",
        "weaves",
        "engines",
        "king",
        "alice",
        "chen",
        "user-1",
        "bearer",
        str(created["id"]),
    )
    assert [word for word in private if word.encode() in exported] == []
    json.loads(sink.exports[0])
