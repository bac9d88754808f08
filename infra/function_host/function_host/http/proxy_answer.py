"""What a function returned, as the response that API Gateway makes of it (Lambda proxy integration)."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_FIELDS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE = re.compile(r"[\r\n\0]")
# The server's own: how long the body is, and what becomes of the connection.
_OF_THE_SERVER = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


class MalformedError(ValueError):
    """It is no such answer: API Gateway's "Malformed Lambda proxy response"."""


@dataclass(frozen=True, slots=True)
class ProxyAnswer:
    """A response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def answer(payload: bytes) -> ProxyAnswer:
    """Return the response of a function's payload.

    Raises:
        MalformedError: it is not {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}.

    """
    try:
        given = json.loads(payload)
    except ValueError as error:
        raise MalformedError(f"it is not JSON: {error}") from None
    if not isinstance(given, dict) or not given.keys() <= _FIELDS:
        raise MalformedError(f"it has other fields than {', '.join(sorted(_FIELDS))}")
    headers = [*_headers(given.get("headers") or {}, given.get("multiValueHeaders") or {})]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return ProxyAnswer(_status(given.get("statusCode")), headers, _body(given))


def _status(given: Any) -> int:
    try:
        status = 200 if given is None else int(given)
    except (TypeError, ValueError):
        status = 0
    if not 200 <= status <= 599:
        raise MalformedError(f"statusCode {given!r} is none")
    return status


def _headers(single: Any, several: Any) -> Iterator[tuple[str, str]]:
    """Yield the headers of both fields; what stands in both, once."""
    if not isinstance(single, Mapping) or not isinstance(several, Mapping):
        raise MalformedError("headers is no object")
    found: list[tuple[str, str]] = []
    for name, values in several.items():
        if not isinstance(values, list):
            raise MalformedError(f"multiValueHeaders: {name} is no list")
        found += [(name, _text(name, value)) for value in values]
    there = {(name.lower(), value) for name, value in found}
    found += [
        (name, text)
        for name, value in single.items()
        if (name.lower(), text := _text(name, value)) not in there
    ]
    yield from ((name, text) for name, text in found if name.lower() not in _OF_THE_SERVER)


def _text(name: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if (
        isinstance(value, dict | list)
        or value is None
        or not _TOKEN.fullmatch(name)
        or _NO_VALUE.search(text)
    ):
        raise MalformedError(f"header {name!r}: {value!r} is no value")
    return text


def _body(given: Mapping[str, Any]) -> bytes:
    body = given.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedError("body is no string")
    if not given.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedError(f"body is not base64: {error}") from None
