"""What `kafka-esm check` prints."""

from collections.abc import Iterator, Sequence

from kafka_esm.mappings.mapping import Mapping
from kafka_esm.mappings.validation import Found

ALL_OFF = "every mapping has Enabled: false; there is nothing to poll"


def check(found: Sequence[Found]) -> str:
    """Return every mapping as it would be polled, or why it would not be."""
    lines: list[str] = []
    for one in found:
        if one.mapping is not None:
            lines.append(f"{one.where}: ok" + ("" if one.mapping.enabled else ", not enabled"))
            lines += [f"  {line}" for line in _describe(one.mapping)]
        else:
            lines += [f"{one.where}: not supported", f"  {one.error}"]
    if all_off(found):
        lines.append(ALL_OFF)
    return "\n".join(lines) + "\n"


def all_off(found: Sequence[Found]) -> bool:
    """Whether there are mappings, but none that would be polled."""
    return all(one.mapping is not None and not one.mapping.enabled for one in found)


def _describe(mapping: Mapping) -> Iterator[str]:
    yield f"function: {mapping.target.name} (timeout {mapping.target.timeout_seconds} s)"
    yield f"topic: {mapping.topic} at {mapping.bootstrap}, group {mapping.group}"
    start = "" if mapping.starting_timestamp is None else f" {mapping.starting_timestamp:g}"
    yield f"starts: {mapping.starting_position}{start}"
    yield f"batch: {mapping.batch_size} records or {mapping.window_seconds:g} s"
    if mapping.access:
        yield f"access: {', '.join(kind for kind, _ in mapping.access)}"
    if mapping.filters:
        yield f"filters: {' | '.join(mapping.filters)}"
    yield f"failures: {_failures(mapping)}"
    if mapping.pollers is not None:
        yield f"concurrent invocations: {mapping.pollers} at most"
    for note in mapping.notes:
        yield f"note: {note}"


def _failures(mapping: Mapping) -> str:
    retries = "retried without end" if mapping.max_retries is None else f"{mapping.max_retries} retries"
    age = "" if mapping.max_age_seconds is None else f", up to {mapping.max_age_seconds} s old"
    bisect = ", bisected" if mapping.bisect else ""
    items = ", the function may name records" if mapping.report_item_failures else ""
    destination = f", then to {mapping.destination}" if mapping.destination else ""
    return retries + age + bisect + items + destination
