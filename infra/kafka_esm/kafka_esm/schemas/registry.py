"""Schemas by id, and what to do as long as one is not to be had.

Asking is left to threads: the poller's loop must turn, and other partitions go on. Nothing is asked unless
somebody wants it; a schema that was found is kept, as ids never change their meaning.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kafka_esm.batching.retry import backoff_seconds
from kafka_esm.schemas import avro, json_schema, protobuf
from kafka_esm.schemas.records import Refused, Schema, Waiting
from kafka_esm.schemas.wire import message_number, message_way

# Replicas of a registry may not know yet what a producer has just registered: how often it is asked before a
# schema counts as missing, and after how long it is asked again.
_ASKED_BEFORE_MISSING = 3
_MISSING_SECONDS = 10.0
# Keys and values without a frame may look as if they had one, with any id.
_MOST_IDS = 1000


class Trouble(Exception):  # noqa: N818 - what it is
    """The registry cannot be asked now; the text says why."""


class Missing(Exception):  # noqa: N818 - what it is
    """The registry says that it does not have a schema."""


@dataclass(slots=True)
class _Known:
    """What is known of one id."""

    found: Schema | Waiting | Refused = field(default_factory=Waiting)
    asking: bool = False
    failures: int = 0
    missing: int = 0
    ask_at: float = 0.0


# Gets a schema by its id; raises Trouble, Missing, or ValueError if it cannot be used.
Load = Callable[[str], Schema]


class Registry:
    """The schemas of a registry."""

    def __init__(self, load: Load) -> None:
        self._load = load
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
            found = self._load(schema_id)
        except Missing as exc:
            missing = known.missing + 1
            if missing < _ASKED_BEFORE_MISSING:
                found, wait = Waiting(), backoff_seconds(missing, self._rng)
            else:
                found, wait = Refused("SCHEMA_NOT_FOUND", str(exc), drops=False), _MISSING_SECONDS
        except Trouble as exc:
            found, wait = Waiting(str(exc)), backoff_seconds(failures, self._rng)
        except ValueError as exc:
            # That this cannot read the schema does not mean that nobody can.
            found = Refused("DESERIALIZATION_ERROR", f"schema {schema_id}: {exc}", drops=False)
            wait = _MISSING_SECONDS
        except Exception as exc:
            # Whatever a strange answer leads to: no record is given up for it.
            found = Waiting(f"schema {schema_id} cannot be had: {type(exc).__name__}")
            wait = backoff_seconds(failures, self._rng)
        with self._lock:
            known.found, known.missing, known.failures = found, missing, failures
            known.ask_at = time.monotonic() + wait
            known.asking = False


def readable(data_format: str, text: str, references: Mapping[str, str], *, glue: bool = False) -> Schema:
    """Return a schema to read by; `references` are what it refers to by name, each after what it needs.

    Raises:
        ValueError: it cannot be used.

    """
    if data_format == "AVRO":
        return Schema("AVRO", avro.to_json(text, references.values()))
    if data_format == "PROTOBUF":
        which = message_number if glue else message_way
        return Schema("PROTOBUF", protobuf.to_json(text, references, which))
    if data_format == "JSON":
        return Schema("JSON", json_schema.to_json(text, references))
    raise ValueError(f"its type {data_format} is not one of AVRO, PROTOBUF, JSON")
