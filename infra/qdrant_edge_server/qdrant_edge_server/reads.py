"""Reads: query, scroll, count, retrieve; REST bodies in, JSON-ready answers out."""

# qdrant_edge's type aliases exist for the type checker only.
from __future__ import annotations

from typing import Any
from uuid import UUID

import qdrant_edge as qe
from qdrant_client.http import models as m

from qdrant_edge_server.errors import at_least, not_found, refuse_all_but, unsupported
from qdrant_edge_server.filters import to_filter_or_none
from qdrant_edge_server.ids import point_id, point_id_in_path
from qdrant_edge_server.updates import dense_vector

DEFAULT_LIMIT = 10

Json = dict[str, Any]


def query(shard: qe.EdgeShard, body: m.QueryRequest) -> Json:
    """Find the points nearest to a vector or to a stored point."""
    return _points(shard.query(_query_request(shard, body, "internal")))


def query_batch(shard: qe.EdgeShard, body: m.QueryRequestBatch) -> list[Json]:
    """Answer several queries at once, in their order."""
    requests = [_query_request(shard, q, f"searches[{i}].internal") for i, q in enumerate(body.searches)]
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
            with_payload=_with_payload(body.with_payload, default=True),
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
    found = shard.retrieve(ids, _with_payload(body.with_payload, default=True), body.with_vector or False)
    by_id = {record.id: record for record in found}
    return [_json(by_id[i]) for i in ids if i in by_id]


def get_point(shard: qe.EdgeShard, id_: str) -> Json:
    """Get one point."""
    found = shard.retrieve([point_id_in_path(id_)], True, True)
    if not found:
        raise not_found(f"Point with id {id_} does not exists!")
    return _json(found[0])


def _query_request(shard: qe.EdgeShard, body: m.QueryRequest, where: str) -> qe.QueryRequest:
    refuse_all_but(
        (
            "query",
            "using",
            "filter",
            "params",
            "score_threshold",
            "limit",
            "offset",
            "with_vector",
            "with_payload",
        ),
        body,
    )
    if body.params:
        refuse_all_but(("hnsw_ef", "exact"), body.params)
    at_least(1, f"{where}.limit", body.limit)
    at_least(0, f"{where}.offset", body.offset)
    filter_ = to_filter_or_none(body.filter)
    target = body.query
    if isinstance(target, m.NearestQuery):
        refuse_all_but(("nearest",), target)
        target = target.nearest
    if isinstance(target, (int, str, UUID)):
        id_ = point_id(target)
        target = _stored_vector(shard, id_)
        # A point is not its own neighbour.
        filter_ = qe.Filter(must=[filter_] if filter_ else None, must_not=[qe.HasIdCondition({id_})])
    elif not isinstance(target, list) and target is not None:
        raise unsupported(f"{type(target).__name__} as a query")
    return qe.QueryRequest(
        limit=DEFAULT_LIMIT if body.limit is None else body.limit,
        offset=body.offset,
        query=None if target is None else qe.Query.Nearest(dense_vector(target), body.using),
        filter=filter_,
        score_threshold=body.score_threshold,
        with_vector=body.with_vector or False,
        with_payload=_with_payload(body.with_payload, default=False),
    )


def _stored_vector(shard: qe.EdgeShard, id_: int | UUID) -> list[float]:
    found = shard.retrieve([id_], False, True)
    if not found:
        raise not_found(f"No point with id {id_} found")
    return dense_vector(found[0].vector)


def _with_payload(wanted: m.WithPayloadInterface | None, *, default: bool) -> qe.WithPayloadType:
    if wanted is None:
        return default
    if isinstance(wanted, m.PayloadSelectorInclude):
        return qe.PayloadSelector.Include(wanted.include)
    if isinstance(wanted, m.PayloadSelectorExclude):
        return qe.PayloadSelector.Exclude(wanted.exclude)
    return wanted


def _points(points: list[qe.ScoredPoint] | list[qe.Record]) -> Json:
    return {"points": [_json(point) for point in points]}


def _json(point: qe.ScoredPoint | qe.Record) -> Json:
    json: Json = {"id": point.id, "payload": point.payload, "vector": point.vector}
    if isinstance(point, qe.ScoredPoint):
        json |= {"version": point.version, "score": point.score}
    return {name: value for name, value in json.items() if value is not None}
