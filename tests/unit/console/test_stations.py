"""Where an event is, by its spans; and what each station is said to do."""

from typing import Any

import pytest
from mesh.console.rates import Rates
from mesh.console.stations import Station, Step, searchable_after, touched, visits, way
from mesh.traces.span import Link, Span

MS = 1_000_000
BEGUN = 1_796_135_479_000 * MS
CREATE = {"messaging.operation.name": "create", "messaging.destination.name": "user.events"}
SEND = {"messaging.operation.name": "send", "messaging.destination.name": "user.events"}
DEAD = {"messaging.operation.name": "send", "messaging.destination.name": "user.events.dlq"}
PROCESS = {"messaging.operation.name": "process", "messaging.destination.name": "user.events"}
UPSERT = {"db.operation.name": "upsert", "db.system.name": "qdrant"}


def span(
    service: str,
    kind: str,
    attributes: dict[str, Any],
    begins: float = 0,
    ends: float = 1,
    links: tuple[str, ...] = (),
    failed: bool = False,
) -> Span:
    name = " ".join(str(each) for each in attributes.values()) or "HTTP"
    to = [Link(each, "1", {}) for each in links]
    times = (BEGUN + int(begins * MS), BEGUN + int(ends * MS))
    return Span("a", "1", None, name, kind, service, *times, attributes, to, failed)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (span("create_user", "SERVER", {}), [(Station.FUNCTIONS, 1)]),
        (span("list_users", "SERVER", {}), [(Station.FUNCTIONS, 1)]),
        (span("search", "SERVER", {}), [(Station.SEARCH, 1)]),
        (span("create_user", "PRODUCER", CREATE), [(Station.TABLE, 1)]),
        (
            span("import_users", "PRODUCER", {**CREATE, "messaging.batch.message_count": 25}),
            [(Station.TABLE, 25)],
        ),
        (span("create_user", "CLIENT", SEND), [(Station.KAFKA, 1)]),
        (
            span("relay_events", "CLIENT", {**SEND, "messaging.batch.message_count": 3}),
            [(Station.RELAY, 3), (Station.KAFKA, 3)],
        ),
        (span("enrich", "CLIENT", SEND), [(Station.KAFKA, 1)]),
        (span("enrich", "CLIENT", DEAD), [(Station.DEAD_LETTERS, 1)]),
        (
            span("enrich", "CONSUMER", {**PROCESS, "messaging.batch.message_count": 100}),
            [(Station.POLLER, 100), (Station.ENRICH, 100)],
        ),
        (span("enrich", "CLIENT", {**UPSERT, "db.operation.batch.size": 7}), [(Station.QDRANT, 7)]),
        (span("enrich", "CLIENT", {"db.operation.name": "retrieve"}), []),
        (span("search", "CLIENT", {"db.operation.name": "query"}), []),
        (span("enrich", "INTERNAL", {"event_mesh.people": 3}), []),
        (
            span("enrich", "CLIENT", {**UPSERT, "db.operation.batch.size": "a stranger's"}),
            [(Station.QDRANT, 1)],
        ),
    ],
)
def test_given_a_span_when_read_then_it_tells_of_stations(
    made: Span, expected: list[tuple[Station, int]]
) -> None:
    assert [(visit.station, visit.events) for visit in visits(made)] == expected


def test_given_a_batch_when_read_then_it_is_a_part_of_each_events_trace() -> None:
    assert touched(span("enrich", "CONSUMER", PROCESS, links=("b", "c", "b"))) == ["a", "b", "c"]


# What the mesh sends of one create: send and process overlap, as Kafka is quicker than its acknowledgement.
USUAL = [
    span("create_user", "SERVER", {}, 0, 98),
    span("create_user", "PRODUCER", CREATE, 5, 31),
    span("create_user", "CLIENT", SEND, 32, 55),
    span("enrich", "CONSUMER", PROCESS, 61, 237),
    span("enrich", "CLIENT", UPSERT, 176, 220),
]


@pytest.mark.parametrize(
    ("what", "spans", "expected", "searchable"),
    [
        ("nothing is known", [], [], None),
        (
            "on its way",
            USUAL[:3],
            [(Station.FUNCTIONS, 0, 98), (Station.TABLE, 5, 26), (Station.KAFKA, 32, 23)],
            None,
        ),
        (
            "in the index",
            USUAL,
            [
                (Station.FUNCTIONS, 0, 98),
                (Station.TABLE, 5, 26),
                (Station.KAFKA, 32, 23),
                (Station.POLLER, 55, 6),
                (Station.ENRICH, 61, 176),
                (Station.QDRANT, 176, 44),
            ],
            220,
        ),
        (
            "processed before Kafka's acknowledgement came",
            [span("create_user", "CLIENT", SEND, 0, 50), span("enrich", "CONSUMER", PROCESS, 40, 60)],
            [(Station.KAFKA, 0, 50), (Station.POLLER, 40, 0), (Station.ENRICH, 40, 20)],
            None,
        ),
        (
            "only the batch is kept",
            [span("enrich", "CONSUMER", PROCESS, 7, 9)],
            [(Station.POLLER, 0, 0), (Station.ENRICH, 0, 2)],
            None,
        ),
        (
            "the first upsert failed",
            [span("enrich", "CLIENT", UPSERT, 0, 5, failed=True), span("enrich", "CLIENT", UPSERT, 10, 12)],
            [(Station.QDRANT, 0, 5), (Station.QDRANT, 10, 2)],
            12,
        ),
        (
            "poison",
            [span("enrich", "CONSUMER", PROCESS, 0, 9), span("enrich", "CLIENT", DEAD, 2, 4)],
            [(Station.POLLER, 0, 0), (Station.ENRICH, 0, 9), (Station.DEAD_LETTERS, 2, 2)],
            None,
        ),
    ],
)
def test_given_a_trace_when_followed_then_its_stations_stand_in_their_order(
    what: str, spans: list[Span], expected: list[tuple[Station, float, float]], searchable: float | None
) -> None:
    steps = way(spans)
    assert [(step.station, step.after, step.took) for step in steps] == expected, what
    assert searchable_after(steps) == searchable


def test_given_a_failure_when_followed_then_its_station_says_so() -> None:
    [step] = way([span("create_user", "SERVER", {}, failed=True)])
    assert step == Step(Station.FUNCTIONS, "HTTP", 0, 1, True)


SECOND = 1_000 * MS


def test_given_visits_when_a_minute_goes_by_then_rate_and_counts_follow() -> None:
    rates = Rates()
    batch = span("enrich", "CONSUMER", {**PROCESS, "messaging.batch.message_count": 20})
    rates.add(visits(batch), BEGUN)
    rates.add(visits(span("enrich", "CONSUMER", PROCESS, failed=True)), BEGUN + SECOND)
    enrich = [rates.shown(BEGUN + after * SECOND)["enrich"] for after in (1, 10, 59, 61)]
    assert enrich == [
        {"perSecond": 2.1, "lastMinute": 21, "failed": 1},
        {"perSecond": 0.1, "lastMinute": 21, "failed": 1},
        {"perSecond": 0, "lastMinute": 21, "failed": 1},
        {"perSecond": 0, "lastMinute": 0, "failed": 0},
    ]
    assert rates.shown(BEGUN)["search"] == {"perSecond": 0, "lastMinute": 0, "failed": 0}


def test_given_hours_of_load_when_counted_then_a_minute_is_kept() -> None:
    rates = Rates()
    for second in range(10_000):
        rates.add(visits(span("search", "SERVER", {})), BEGUN + second * SECOND)
    assert len(rates._seconds[Station.SEARCH]) == 60
    assert rates.shown(BEGUN + 9_999 * SECOND)["search"]["lastMinute"] == 60
