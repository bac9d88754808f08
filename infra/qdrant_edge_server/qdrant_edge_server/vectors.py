"""Vectors from bodies: checked here, because the engine writes an update to its log and then may panic."""

# qdrant_edge's type aliases exist for the type checker only.
from __future__ import annotations

import math

import qdrant_edge as qe

from qdrant_edge_server.errors import format_error, invalid, unsupported

# As the real server's: of all vectors of a point together.
MAX_MULTIVECTOR_NUMBERS = 1024 * 1024

# A dense vector, or several of one point.
Vector = list[float] | list[list[float]]


def to_vector(vector: object, where: str) -> Vector:
    """Check a dense vector or a multivector; `where` is its place in the body."""
    if not isinstance(vector, list):
        kind = "a named vector" if isinstance(vector, dict) else type(vector).__name__
        raise unsupported(f"{kind} as a vector")
    rows = vector if vector and isinstance(vector[0], list) else [vector]
    if rows is vector:
        _check_rows(rows, f"{where}.data")
    if not math.isfinite(sum(map(sum, rows))):
        # JSON knows no infinity, but 1e999 is read as one; such a point could never be found.
        raise format_error("number out of range")
    return vector


def to_vector_or_none(vector: object, where: str) -> qe.Vector:
    """Check a point's vector; `{}`, no vector by name, is for a point that has none."""
    return {} if vector == {} else to_vector(vector, where)


def _check_rows(rows: list[list[float]], where: str) -> None:
    if not all(rows):
        raise invalid(where, "all vectors must be non-empty")
    numbers = sum(map(len, rows))
    if numbers >= MAX_MULTIVECTOR_NUMBERS:
        too_many = f"Total size of all vectors ({numbers}) must be less than {MAX_MULTIVECTOR_NUMBERS}"
        raise invalid(where, too_many)
    for row in rows:
        if len(row) != len(rows[0]):
            other = f"all vectors must have the same dimension, found vector with dimension {len(row)}"
            raise invalid(where, other)
