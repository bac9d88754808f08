"""Schemas by id, from a registry with Confluent's API, and what to do as long as one is not to be had.

Asking is left to threads: the poller's loop must turn, and other partitions go on. Nothing is asked unless
somebody wants it; a schema that was found is kept, as ids never change their meaning.
"""

import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

import urllib3

from kafka_esm.batching.retry import backoff_seconds
from kafka_esm.errors import ConfigurationError
from kafka_esm.schemas import avro, json_schema, protobuf
from kafka_esm.schemas.config import SchemaRegistry
from kafka_esm.schemas.records import DataFormat, Refused, Schema, Waiting

_TIMEOUT = urllib3.Timeout(connect=3, read=10)
# Replicas of a registry may not know yet what a producer has just registered: how often it is asked before a
# schema counts as missing, and after how long it is asked again.
_ASKED_BEFORE_MISSING = 3
_MISSING_SECONDS = 10.0
# Keys and values without a frame may look as if they had one, with any id.
_MOST_IDS = 1000
# Confluent's codes for: no such subject, no such version, no such schema.
_MISSING = (40401, 40402, 40403)
# What OpenSSL says, and what is to be done.
_REMEDIES = {
    "CERTIFICATE_VERIFY_FAILED": "name the registry's authority by SERVER_ROOT_CA_CERTIFICATE",
    "WRONG_VERSION_NUMBER": "if the registry speaks plain HTTP, begin SchemaRegistryURI with http://",
    "CERTIFICATE_REQUIRED": "name a certificate by CLIENT_CERTIFICATE_TLS_AUTH",
    "EOF occurred": "if the registry wants a certificate, name it by CLIENT_CERTIFICATE_TLS_AUTH",
}
_READABLE: tuple[DataFormat, ...] = ("AVRO", "PROTOBUF", "JSON")


class Trouble(Exception):  # noqa: N818 - what it is
    """The registry cannot be asked now; the text says why."""


class Missing(Exception):  # noqa: N818 - what it is
    """The registry says that it does not have a schema."""


class Credentials(NamedTuple):
    """How to get into a registry; what is None or empty is not used."""

    tls: ssl.SSLContext | None
    headers: Mapping[str, str]


# A path below the registry's URI -> the answer's object; raises Trouble or Missing.
Get = Callable[[str], Mapping[str, Any]]


@dataclass(slots=True)
class _Known:
    """What is known of one id."""

    found: Schema | Waiting | Refused = field(default_factory=Waiting)
    asking: bool = False
    failures: int = 0
    missing: int = 0
    ask_at: float = 0.0


class Registry:
    """The schemas of a registry."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._rng = random.Random()  # noqa: S311 - jitter, not a secret

    def find(self, schema_id: str) -> Schema | Waiting | Refused:
        """Return what is known of a schema now, and have it looked up if that is too little."""
        known = self._known.get(schema_id)
        if known is not None and isinstance(known.found, Schema):
            return known.found
        with self._lock:
            if known is None:
                self._forget_one()
                known = self._known.setdefault(schema_id, _Known())
            if not known.asking and time.monotonic() >= known.ask_at:
                known.asking = True
                threading.Thread(target=self._ask, args=(schema_id, known), daemon=True).start()
            return known.found

    def _forget_one(self) -> None:
        if len(self._known) >= _MOST_IDS:
            idle = (
                name
                for name, one in self._known.items()
                if not one.asking and not isinstance(one.found, Schema)
            )
            self._known.pop(next(idle, ""), None)

    def _ask(self, schema_id: str, known: _Known) -> None:
        found: Schema | Waiting | Refused
        wait = 0.0
        missing = 0
        failures = known.failures + 1
        try:
            found = load(schema_id, self._get)
        except Missing as exc:
            missing = known.missing + 1
            if missing < _ASKED_BEFORE_MISSING:
                found, wait = Waiting(), backoff_seconds(missing, self._rng)
            else:
                found, wait = Refused("SCHEMA_NOT_FOUND", str(exc), drops=False), _MISSING_SECONDS
        except Trouble as exc:
            found, wait = Waiting(str(exc)), backoff_seconds(failures, self._rng)
        except Exception as exc:
            # That this cannot read the schema does not mean that nobody can.
            why = str(exc) if isinstance(exc, ValueError) else f"it cannot be used: {type(exc).__name__}"
            found = Refused("DESERIALIZATION_ERROR", f"schema {schema_id}: {why}", drops=False)
            wait = _MISSING_SECONDS
        with self._lock:
            known.found, known.missing, known.failures = found, missing, failures
            known.ask_at = time.monotonic() + wait
            known.asking = False


def load(schema_id: str, get: Get) -> Schema:
    """Get a schema with all that it refers to, and make it readable.

    Raises:
        Trouble: the registry cannot be asked.
        Missing: it does not have it.
        ValueError: the schema cannot be used.

    """
    kind = "ids" if schema_id.isdigit() else "guids"
    answer = get(f"schemas/{kind}/{schema_id}")
    text = answer["schema"]
    # Confluent leaves the type of Avro out.
    data_format = answer.get("schemaType") or "AVRO"
    if data_format not in _READABLE:
        raise ValueError(f"its type {data_format} is not one of {', '.join(_READABLE)}")
    references = dict(_references(answer, get, set()))
    if data_format == "AVRO":
        return Schema("AVRO", avro.to_json(text, references.values()))
    if data_format == "PROTOBUF":
        return Schema("PROTOBUF", protobuf.to_json(text, references))
    return Schema("JSON", json_schema.to_json(text, references))


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
                answer = pool.request("GET", f"{base}/{path}", headers=headers)
            except (urllib3.exceptions.HTTPError, OSError) as exc:
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
