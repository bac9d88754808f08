"""Schemas of a registry with Confluent's API: a schema by its id or GUID, and what it refers to.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import urllib3

from kafka_esm.errors import ConfigurationError
from kafka_esm.schemas.config import SchemaRegistry
from kafka_esm.schemas.records import Schema
from kafka_esm.schemas.registry import Missing, Trouble, readable

_TIMEOUT = urllib3.Timeout(connect=3, read=10)
# No such subject, no such version, no such schema.
_MISSING = (40401, 40402, 40403)
# What OpenSSL says, and what is to be done.
_REMEDIES = {
    "CERTIFICATE_VERIFY_FAILED": "name the registry's authority by SERVER_ROOT_CA_CERTIFICATE",
    "WRONG_VERSION_NUMBER": "if the registry speaks plain HTTP, begin SchemaRegistryURI with http://",
    "CERTIFICATE_REQUIRED": "name a certificate by CLIENT_CERTIFICATE_TLS_AUTH",
    "EOF occurred": "if the registry wants a certificate, name it by CLIENT_CERTIFICATE_TLS_AUTH",
}


class Credentials(NamedTuple):
    """How to get into a registry; what is None or empty is not used."""

    tls: ssl.SSLContext | None
    headers: Mapping[str, str]


# A path below the registry's URI -> the answer's object; raises Trouble or Missing.
Get = Callable[[str], Mapping[str, Any]]


def load(schema_id: str, get: Get) -> Schema:
    """Get a schema with all that it refers to, and make it readable.

    Raises:
        Trouble: the registry cannot be asked.
        Missing: it does not have it.
        ValueError: the schema cannot be used.

    """
    kind = "ids" if schema_id.isdigit() else "guids"
    answer = get(f"schemas/{kind}/{schema_id}")
    # Confluent leaves the type of Avro out.
    data_format = answer.get("schemaType") or "AVRO"
    return readable(data_format, answer["schema"], dict(_references(answer, get, set())))


def _references(answer: Mapping[str, Any], get: Get, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield what a schema refers to, by name, and before each what that refers to."""
    for reference in answer.get("references") or ():
        name, subject, version = reference["name"], reference["subject"], reference["version"]
        if name in seen:
            continue
        seen.add(name)
        # Registries keep what is referred to, even if the subject was deleted.
        found = get(f"subjects/{quote(subject, safe='')}/versions/{version}?deleted=true")
        yield from _references(found, get, seen)
        yield name, found["schema"]


def http(config: SchemaRegistry, credentials: Callable[[], Credentials]) -> Get:
    """Return what asks a registry; `credentials` are read for each question, so that they may change."""
    parts = urllib3.util.parse_url(config.uri)
    own = urllib3.make_headers(basic_auth=parts.auth) if parts.auth else {}
    base = config.place.rstrip("/")

    def get(path: str) -> Mapping[str, Any]:
        try:
            allowed = credentials()
        except ConfigurationError as exc:
            raise Trouble(f"the schema registry {base}: {exc}") from None
        headers = {
            "Accept": "application/vnd.schemaregistry.v1+json, application/json",
            **own,
            **allowed.headers,
        }
        options = {"ssl_context": allowed.tls} if allowed.tls else {}
        # Questions are rare: a connection for each needs no upkeep.
        with urllib3.PoolManager(timeout=_TIMEOUT, retries=False, **options) as pool:  # type: ignore[arg-type]
            try:
                answer = pool.request("GET", f"{base}/{path}", headers=headers, redirect=False)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
                raise Trouble(f"the schema registry {base} does not answer: {_why(exc)}") from None
        return _object(base, path, answer.status, answer.data)

    return get


def _object(base: str, path: str, status: int, data: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if status == 200 and isinstance(body, dict) and isinstance(body.get("schema"), str):
        return body
    if status == 404 and isinstance(body, dict) and body.get("error_code") in _MISSING:
        raise Missing(f"the schema registry {base} does not have {path.partition('?')[0]}")
    if status in (401, 403):
        raise Trouble(f"the schema registry {base} refuses the credentials ({status}): see AccessConfigs")
    if status in (200, 404):
        what = f"{base}/{path.partition('?')[0]} ({status})"
        raise Trouble(f"{what} is not what a registry with Confluent's API answers: see SchemaRegistryURI")
    raise Trouble(f"the schema registry {base} answers with status {status}")


def _why(exc: BaseException) -> str:
    """Say what is wrong: OpenSSL's reason, if there is one, for urllib3 hides it in its own error."""
    cause: BaseException | None = exc
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    reason = "" if cause is None else cause.reason or str(cause.args[-1]).partition(" (_ssl.c")[0]
    remedy = next((f": {remedy}" for said, remedy in _REMEDIES.items() if said in reason), "")
    return f"{type(exc).__name__}{f' ({reason}{remedy})' if reason else ''}"
