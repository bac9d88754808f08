"""What the answer to an invocation means for the batch."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

# The function ran, or may have run: only these count against MaximumRetryAttempts and are bisected.
_COUNTED = frozenset({"function_error", "timeout", "bad_response", "partial"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; `error` says more unless it succeeded. Never holds record contents."""

    name: str
    error: str | None = None
    # Records that the function named as failed, as (topic-partition, offset).
    failed: frozenset[tuple[str, int]] = frozenset()
    status: int | None = None
    function_error: str | None = None
    request_id: str | None = None
    executed_version: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the batch has been processed."""
        return self.error is None

    @property
    def counted(self) -> bool:
        """Whether it is the function's failure, not that of the way to it."""
        return self.name in _COUNTED


SUCCESS = Outcome("success", status=200)

# The offsets of a batch by topic-partition.
Sent = Mapping[str, Collection[int]]


def judge(status: int, function_error: str | None, payload: bytes, sent: Sent | None = None) -> Outcome:
    """Tell from Lambda's answer whether the function has processed the batch.

    `sent` is given if the function may name the records that failed (ReportBatchItemFailures).
    """
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        # A function error stays one, whatever its body: a runtime that crashes may leave any text there.
        if not function_error and status == 200:
            return _bad("is not JSON")
        body = None
    kind = body.get("errorType") if isinstance(body, dict) else None
    # `sam local start-lambda` leaves FunctionError out: only the payload tells.
    if function_error or isinstance(kind, str):
        # The error's message is left out: functions put the data they choke on into it.
        named = kind[:100] if isinstance(kind, str) else "no error type given"
        return Outcome(
            "function_error",
            f"the function failed: {named}",
            status=status,
            function_error=function_error or "Unhandled",
        )
    if status != 200:
        return Outcome("malformed", f"the Lambda endpoint answered with status {status}", status=status)
    return SUCCESS if sent is None else _judge_items(body, sent)


def _judge_items(body: Any, sent: Sent) -> Outcome:
    items = body.get("batchItemFailures") if isinstance(body, dict) else None
    if body is not None and not isinstance(body, dict):
        return _bad("is no object")
    if items is None:
        return SUCCESS
    if not isinstance(items, list):
        return _bad("has batchItemFailures that are no list")
    failed = set()
    for item in items:
        found = _identifier(item)
        if found is None:
            return _bad(
                f"names a record by {_form(item)}; an item is "
                '{"itemIdentifier": {"partition": "TOPIC-PARTITION", "offset": NUMBER}}'
            )
        failed.add(found)
    known = {(label, offset) for label, offset in failed if offset in sent.get(label, ())}
    if known != failed:
        # Whatever the function meant: taking the rest as processed could lose a record.
        return _bad("names a record that was not in the batch")
    if not known:
        return SUCCESS
    return Outcome("partial", f"the function reports {len(known)} failed", frozenset(known), status=200)


def _identifier(item: Any) -> tuple[str, int] | None:
    identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
    if not isinstance(identifier, dict):
        return None
    partition, offset = identifier.get("partition"), identifier.get("offset")
    if not isinstance(partition, str) or not isinstance(offset, int) or isinstance(offset, bool):
        return None
    return partition, offset


def _form(item: Any) -> str:
    """Describe an identifier that cannot be used: the types in it alone, as it may hold anything."""
    if not isinstance(item, dict) or "itemIdentifier" not in item:
        return f"{_type(item)} without itemIdentifier"
    identifier = item["itemIdentifier"]
    if not isinstance(identifier, dict):
        return f"an itemIdentifier that is {_type(identifier)}"
    fields = (
        f"{name} is {_type(identifier[name])}" if name in identifier else f"{name} is missing"
        for name in ("partition", "offset")
    )
    return f"an itemIdentifier whose {' and whose '.join(fields)}"


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "a number", float: "a number with a fraction", list: "a list"}
    return names.get(type(value), "an object")


def _bad(what: str) -> Outcome:
    return Outcome(
        "bad_response", f"the function's answer {what}: the whole batch counts as failed", status=200
    )
