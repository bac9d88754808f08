"""A span, as OTLP's JSON has it: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding."""

from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, NamedTuple

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_ERROR = 2


class Link(NamedTuple):
    """The way from a span to one of another trace, or of its own."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class Span(NamedTuple):
    """A span; times are nanoseconds since 1970. A root has no parent."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    start: int
    end: int
    attributes: dict[str, Any]
    links: list[Link]
    failed: bool


def read(export: Mapping[str, Any]) -> Iterator[Span]:
    """Yield the spans of an export request; KeyError, TypeError or ValueError if it is none."""
    for of_resource in export["resourceSpans"]:
        service = _attributes(of_resource.get("resource", {})).get("service.name", "")
        for of_scope in of_resource["scopeSpans"]:
            yield from (_span(each, service) for each in of_scope["spans"])


def _span(given: Mapping[str, Any], service: str) -> Span:
    return Span(
        intern(given["traceId"]),
        given["spanId"],
        given.get("parentSpanId") or None,
        intern(given["name"]),
        _KINDS[given.get("kind", 0)],
        service,
        int(given["startTimeUnixNano"]),
        int(given["endTimeUnixNano"]),
        _attributes(given),
        [Link(intern(each["traceId"]), each["spanId"], _attributes(each)) for each in given.get("links", [])],
        given.get("status", {}).get("code") == _ERROR,
    )


def _attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    # Of a thousand traces most names and words are the same: each is kept once, which is half of the memory.
    return {intern(each["key"]): _value(each["value"]) for each in given.get("attributes", [])}


def _value(given: Mapping[str, Any]) -> Any:
    """Return a value of JSON; 64-bit integers are strings in OTLP."""
    for kind, value in given.items():
        match kind:
            case "intValue":
                return int(value)
            case "arrayValue":
                return [_value(each) for each in value.get("values", [])]
            case "kvlistValue":
                return _attributes({"attributes": value.get("values", [])})
            case "stringValue":
                return intern(value)
            case _:
                return value
    return None
