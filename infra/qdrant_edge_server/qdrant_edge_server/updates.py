"""Updates: REST bodies to the engine's update operations."""

# qdrant_edge's type aliases exist for the type checker only.
from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import qdrant_edge as qe
from qdrant_client.http import models as m

from qdrant_edge_server.errors import ApiError, bad_request, format_error, refuse_all_but, unsupported
from qdrant_edge_server.filters import to_filter, to_filter_or_none
from qdrant_edge_server.ids import point_id
from qdrant_edge_server.vectors import to_vector, to_vector_or_none

UPDATE_MODES = {
    m.UpdateMode.UPSERT: qe.UpdateMode.Upsert,
    m.UpdateMode.INSERT_ONLY: qe.UpdateMode.InsertOnly,
    m.UpdateMode.UPDATE_ONLY: qe.UpdateMode.UpdateOnly,
}


def upsert(body: m.PointInsertOperations) -> qe.UpdateOperation:
    """Insert or overwrite points, given one by one or as columns."""
    if isinstance(body, m.PointsBatch):
        refuse_all_but(("batch", "update_filter", "update_mode"), body)
        points = _points_of_batch(body.batch)
    else:
        refuse_all_but(("points", "update_filter", "update_mode"), body)
        points = [
            qe.Point(point_id(p.id), to_vector_or_none(p.vector, f"points[{i}].vector"), p.payload)
            for i, p in enumerate(body.points)
        ]
    if not points:
        raise _empty()
    return qe.UpdateOperation.upsert_points(
        points,
        to_filter_or_none(body.update_filter),
        UPDATE_MODES[body.update_mode] if body.update_mode else None,
    )


def delete(body: m.PointsSelector) -> qe.UpdateOperation:
    """Delete points, by id or by filter."""
    return _on_selected("delete_points", body)


def set_payload(body: m.SetPayload) -> qe.UpdateOperation:
    """Set the given keys of the payload, keep the others."""
    return _on_selected("set_payload", body, body.payload, body.key)


def overwrite_payload(body: m.SetPayload) -> qe.UpdateOperation:
    """Replace the payload."""
    return _on_selected("overwrite_payload", body, body.payload, body.key)


def delete_payload(body: m.DeletePayload) -> qe.UpdateOperation:
    """Delete keys of the payload."""
    return _on_selected("delete_payload", body, body.keys)


def clear_payload(body: m.PointsSelector) -> qe.UpdateOperation:
    """Delete the payload."""
    return _on_selected("clear_payload", body)


def _points_of_batch(batch: m.Batch) -> list[qe.Point]:
    if isinstance(batch.vectors, dict):
        raise unsupported("a named vector as a vector")
    payloads: Sequence[m.Payload | None] = batch.payloads or [None] * len(batch.ids)
    try:
        return [
            qe.Point(point_id(i), to_vector(vector, "batch"), payload)
            for i, vector, payload in zip(batch.ids, batch.vectors, payloads, strict=True)
        ]
    except ValueError as error:
        raise format_error(f"batch: {error}") from error


def _on_selected(
    operation: str, body: m.PointsSelector | m.SetPayload | m.DeletePayload, *args: Any
) -> qe.UpdateOperation:
    """Build the operation in its form for ids or in its form for a filter."""
    refuse_all_but(("points", "filter", "payload", "key", "keys"), body)
    points, filter_ = getattr(body, "points", None), getattr(body, "filter", None)
    build: Any
    selection: list[int | UUID] | qe.Filter
    if points == []:
        raise _empty()
    if points is not None:
        build, selection = getattr(qe.UpdateOperation, operation), [point_id(i) for i in points]
    elif filter_ is not None:
        build, selection = getattr(qe.UpdateOperation, f"{operation}_by_filter"), to_filter(filter_)
    else:
        raise bad_request("No filter or points provided")
    updated: qe.UpdateOperation = build(selection, *args)
    return updated


def _empty() -> ApiError:
    return bad_request("Empty update request")
