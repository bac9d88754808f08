"""What `kafka-esm check` prints: every mapping as it would be polled, and what AWS would refuse of it."""

import json
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Given
from dataclasses import asdict
from typing import Any, Literal

from kafka_esm.mappings.mapping import Mapping
from kafka_esm.mappings.validation import Found

ALL_OFF = "every mapping has Enabled: false; there is nothing to poll"

Format = Literal["text", "json", "github"]


def check(found: Sequence[Found], form: Format = "text", file: str | None = None) -> str:
    """Return what there is to say; `file` is the template, if there is one."""
    if form == "json":
        return (
            json.dumps(
                {"mappings": [_as_data(one) for one in found], "nothing_to_poll": all_off(found)}, indent=2
            )
            + "\n"
        )
    if form == "github":
        return "".join(_annotations(found, file))
    return _as_text(found)


def all_off(found: Sequence[Found]) -> bool:
    """Whether there is none that would be polled, and none that is wrong."""
    return all(one.mapping is not None and not one.mapping.enabled for one in found)


def _as_text(found: Sequence[Found]) -> str:
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


def _as_data(one: Found) -> dict[str, Any]:
    if one.mapping is None:
        return {"where": one.where, "ok": False, "error": str(one.error)}
    details = asdict(one.mapping)
    details["findings"] = [finding._asdict() for finding in one.mapping.findings]
    return {"where": one.where, "ok": True, **details}


def _annotations(found: Sequence[Found], file: str | None) -> Iterator[str]:
    """Yield workflow commands of GitHub Actions, which shows them beside the template."""

    def command(kind: str, title: str, message: str) -> str:
        fields: Given[str, str | None] = {"file": file, "title": title}
        given = ",".join(f"{name}={_property(value)}" for name, value in fields.items() if value)
        return f"::{kind} {given}::{_data(message)}\n"

    for one in found:
        if one.error is not None:
            yield command("error", one.where, str(one.error))
        elif one.mapping is not None:
            for finding in one.mapping.findings:
                yield command(
                    "warning", f"{one.where}: {finding.rule}", f"on AWS, {finding.message} ({finding.source})"
                )
            for note in one.mapping.notes:
                yield command("notice", one.where, note)
    if all_off(found):
        yield command("error", "kafka-esm", ALL_OFF)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _describe(mapping: Mapping) -> Iterator[str]:
    yield f"function: {mapping.target.name} (timeout {mapping.target.timeout_seconds} s)"
    at = " at ".join(filter(None, (mapping.topic, mapping.event_source_arn, mapping.bootstrap)))
    yield f"topic: {at}, group {mapping.group}"
    start = "" if mapping.starting_timestamp is None else f" {mapping.starting_timestamp:g}"
    yield f"starts: {mapping.starting_position}{start}"
    yield f"batch: {mapping.batch_size} records or {mapping.window_seconds:g} s"
    if mapping.access:
        yield f"access: {', '.join(kind for kind, _ in mapping.access)}"
    if schemas := mapping.schema_registry:
        checked = " and ".join(schemas.attributes).lower() or "nothing"
        yield f"schemas: {checked} checked by {schemas.place}, delivered as {schemas.record_format}"
    if mapping.filters:
        yield f"filters: {' | '.join(mapping.filters)}"
    yield f"failures: {_failures(mapping)}"
    if mapping.pollers is not None:
        yield f"concurrent invocations: {mapping.pollers} at most"
    for note in mapping.notes:
        yield f"note: {note}"
    for finding in mapping.findings:
        yield f"note: on AWS, {finding.message} [{finding.rule}: {finding.source}]"


def _failures(mapping: Mapping) -> str:
    retries = "retried without end" if mapping.max_retries is None else f"{mapping.max_retries} retries"
    age = "" if mapping.max_age_seconds is None else f", up to {mapping.max_age_seconds} s old"
    bisect = ", bisected" if mapping.bisect else ""
    items = ", the function may name records" if mapping.report_item_failures else ""
    destination = f", then to {mapping.destination}" if mapping.destination else ""
    return retries + age + bisect + items + destination
