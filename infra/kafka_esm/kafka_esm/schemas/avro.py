"""Avro, by fastavro: plain JSON, in which a union is the value alone.

Dates, decimals and the like stay the numbers and bytes that they are written as, so that nothing is rounded;
bytes are text of ISO-8859-1, as in Avro's own JSON encoding.
"""

import io
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import fastavro

_ROOT = "KafkaEsmRoot"


def to_json(schema: str, references: Iterable[str]) -> Callable[[bytes], bytes]:
    """Return what reads data of a schema as JSON; `references` come before what refers to them.

    Raises:
        ValueError: the schema cannot be used.

    """
    named: dict[str, Any] = {}
    try:
        for text in references:
            fastavro.parse_schema(_plain(json.loads(text)), named)
        # A record of one field is written as the field: this way a union or a plain type needs no other code.
        whole = {
            "type": "record",
            "name": _ROOT,
            "fields": [{"name": "value", "type": _plain(_type(schema))}],
        }
        parsed: Any = fastavro.parse_schema(whole, named)
    except Exception as exc:
        raise ValueError(f"the Avro schema cannot be used: {type(exc).__name__}: {exc}") from None

    def read(data: bytes) -> bytes:
        stream = io.BytesIO(data)
        try:
            record: Any = fastavro.schemaless_reader(stream, parsed, None)
        except RecursionError:
            raise
        except Exception as exc:  # fastavro raises whatever broken data leads to
            raise ValueError(f"it cannot be read ({type(exc).__name__})") from None
        if stream.tell() != len(data):
            raise ValueError("there is something after its end")
        return _dumped(record["value"])

    return read


def _type(schema: str) -> Any:
    # Some registries keep the schema of a string as the bare word.
    return schema if schema.isidentifier() else json.loads(schema)


def _plain(schema: Any) -> Any:
    """Return a schema without logical types."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if isinstance(schema, dict):
        return {name: _plain(value) for name, value in schema.items() if name != "logicalType"}
    return schema


def _dumped(value: Any) -> bytes:
    try:
        text = json.dumps(value, default=_text, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(value), default=_text, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _text(value: Any) -> str:
    return bytes(value).decode("latin-1")


def _finite(value: Any) -> Any:
    """Return a value with NaN and the infinities as text, as in Protobuf's JSON: JSON has no such numbers."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
