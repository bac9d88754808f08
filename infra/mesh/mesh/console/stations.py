"""Where an event is, by the spans that were made there: the pipeline as the README draws it."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from mesh.traces.span import Span

_NANOS_A_MILLI = 1_000_000
_COUNTS = ("messaging.batch.message_count", "db.operation.batch.size")


class Station(StrEnum):
    """A place on the way of an event, or of a search."""

    FUNCTIONS = "functions"  # of the HTTP API, but for search
    TABLE = "table"  # DynamoDB: a user, its address and its event, in one transaction
    RELAY = "relay"  # what still waits in the outbox goes to Kafka
    KAFKA = "kafka"
    POLLER = "poller"  # the event source mapping
    ENRICH = "enrich"
    QDRANT = "qdrant"
    SEARCH = "search"
    DEAD_LETTERS = "dead_letters"


class Visit(NamedTuple):
    """Events were at a station; times are nanoseconds since 1970."""

    station: Station
    events: int
    start: int
    end: int
    failed: bool
    span: Span


class Step(NamedTuple):
    """A station on the way of one event; milliseconds since the way began, and how long it took."""

    station: Station
    what: str
    after: float
    took: float
    failed: bool


def visits(span: Span) -> Iterator[Visit]:
    """Yield the stations that a span tells of, none for what is only a part of the work at one."""
    for station in _stations(span):
        yield Visit(station, _events(span), span.start, span.end, span.failed, span)


def touched(span: Span) -> list[str]:
    """Return the traces that a span is a part of: its own, and those that it links to."""
    return list(dict.fromkeys([span.trace_id, *(link.trace_id for link in span.links)]))


def way(spans: Sequence[Span]) -> list[Step]:
    """Return the stations of a trace and of the batches that link to it, in their order.

    The poller makes no spans: an event is there from when Kafka has it until a batch begins.
    """
    found = sorted((visit for span in spans for visit in visits(span)), key=lambda each: each.start)
    steps = []
    for number, visit in enumerate(found):
        if visit.station is Station.POLLER:
            sent = [each.end for each in found[:number] if each.station is Station.KAFKA]
            visit = visit._replace(start=min(max(sent, default=visit.start), visit.start), end=visit.start)
        steps.append(visit)
    begun = min((visit.start for visit in steps), default=0)
    return [
        Step(
            visit.station,
            "wait for a batch" if visit.station is Station.POLLER else visit.span.name,
            (visit.start - begun) / _NANOS_A_MILLI,
            (visit.end - visit.start) / _NANOS_A_MILLI,
            visit.failed,
        )
        for visit in steps
    ]


def searchable_after(steps: Iterable[Step]) -> float | None:
    """Return after how many milliseconds the index had the event; None if it has not."""
    ends = [each.after + each.took for each in steps if each.station is Station.QDRANT and not each.failed]
    return min(ends, default=None)


def _stations(span: Span) -> list[Station]:
    said: dict[str, Any] = span.attributes
    match span.kind, said.get("messaging.operation.name"), said.get("db.operation.name"):
        case "SERVER", _, _:
            return [Station.SEARCH if span.service == "search" else Station.FUNCTIONS]
        case _, "create", _:
            return [Station.TABLE]
        case _, "send", _ if str(said.get("messaging.destination.name", "")).endswith(".dlq"):
            return [Station.DEAD_LETTERS]
        case _, "send", _ if span.service == "relay_events":
            return [Station.RELAY, Station.KAFKA]
        case _, "send", _:
            return [Station.KAFKA]
        case _, "process", _:
            return [Station.POLLER, Station.ENRICH]
        case _, _, "upsert":
            return [Station.QDRANT]
    return []


def _events(span: Span) -> int:
    """Return how many events, or points, a span is about."""
    counts = (span.attributes.get(name) for name in _COUNTS)
    return next((count for count in counts if isinstance(count, int)), 1)
