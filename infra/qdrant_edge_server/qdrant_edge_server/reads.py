"""Reads: query, scroll, count, retrieve; REST bodies in, JSON-ready answers out."""

# qdrant_edge's type aliases exist for the type checker only.
from __future__ import annotations

from typing import Any

import qdrant_edge as qe
from qdrant_client.http import models as m

from qdrant_edge_server.errors import at_least, not_found, refuse_all_but
from qdrant_edge_server.filters import to_filter_or_none
from qdrant_edge_server.ids import point_id, point_id_in_path
from qdrant_edge_server.queries import DEFAULT_LIMIT, to_payload_selector, to_query_request

Json = dict[str, Any]


def query(shard: qe.EdgeShard, body: m.QueryRequest) -> Json:
    """Find the best points: nearest to a vector, or by a fusion or a formula of what prefetches found."""
    return _points(shard.query(to_query_request(shard, body, "internal")))


def query_batch(shard: qe.EdgeShard, body: m.QueryRequestBatch) -> list[Json]:
    """Answer several queries at once, in their order."""
    requests = [to_query_request(shard, q, f"searches[{i}].internal") for i, q in enumerate(body.searches)]
    return [_points(found) for found in shard.query_batch(qe.QueryBatchRequest(requests))]


def scroll(shard: qe.EdgeShard, body: m.ScrollRequest) -> Json:
    """List points in the order of their ids, page by page."""
    refuse_all_but(("offset", "limit", "filter", "with_payload", "with_vector"), body)
    at_least(1, "scroll_request.limit", body.limit)
    records, next_offset = shard.scroll(
        qe.ScrollRequest(
            offset=None if body.offset is None else point_id(body.offset),
            limit=body.limit or DEFAULT_LIMIT,
            filter=to_filter_or_none(body.filter),
            with_payload=to_payload_selector(body.with_payload, default=True),
            with_vector=body.with_vector or False,
        )
    )
    return {**_points(records), "next_page_offset": next_offset}


def count(shard: qe.EdgeShard, body: m.CountRequest) -> Json:
    """Count points."""
    refuse_all_but(("filter", "exact"), body)
    return {"count": shard.count(qe.CountRequest(body.exact is not False, to_filter_or_none(body.filter)))}


def retrieve(shard: qe.EdgeShard, body: m.PointRequest) -> list[Json]:
    """Get points by id, in the order of the ids, without those that do not exist."""
    refuse_all_but(("ids", "with_payload", "with_vector"), body)
    ids: list[qe.PointId] = [point_id(i) for i in body.ids]
    found = shard.retrieve(
        ids, to_payload_selector(body.with_payload, default=True), body.with_vector or False
    )
    by_id = {record.id: record for record in found}
    return [_json(by_id[i]) for i in ids if i in by_id]


def get_point(shard: qe.EdgeShard, id_: str) -> Json:
    """Get one point."""
    found = shard.retrieve([point_id_in_path(id_)], True, True)
    if not found:
        raise not_found(f"Point with id {id_} does not exists!")
    return _json(found[0])


def _points(points: list[qe.ScoredPoint] | list[qe.Record]) -> Json:
    return {"points": [_json(point) for point in points]}


def _json(point: qe.ScoredPoint | qe.Record) -> Json:
    json: Json = {"id": point.id, "payload": point.payload, "vector": point.vector}
    if isinstance(point, qe.ScoredPoint):
        json |= {"version": point.version, "score": point.score}
    return {name: value for name, value in json.items() if value is not None}
