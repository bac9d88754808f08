"""Queries: what is nearest, the candidates it is chosen from, and how several lists become one."""

# qdrant_edge's type aliases exist for the type checker only.
from __future__ import annotations

from typing import Any
from uuid import UUID

import qdrant_edge as qe
from qdrant_client.http import models as m

from qdrant_edge_server.errors import at_least, not_found, refuse_all_but, unsupported
from qdrant_edge_server.filters import to_filter_or_none
from qdrant_edge_server.formulas import to_formula
from qdrant_edge_server.ids import point_id
from qdrant_edge_server.vectors import Vector, to_vector

DEFAULT_LIMIT = 10
DEFAULT_RRF_K = 2

OF_A_STAGE = ("query", "using", "filter", "params", "score_threshold", "limit", "prefetch")


def to_query_request(shard: qe.EdgeShard, body: m.QueryRequest, where: str) -> qe.QueryRequest:
    """Translate a query; `where` is its place in the body."""
    refuse_all_but((*OF_A_STAGE, "offset", "with_vector", "with_payload"), body)
    at_least(0, f"{where}.offset", body.offset)
    query, filter_ = _scoring(shard, body, where)
    return qe.QueryRequest(
        limit=_limit(body, where),
        offset=body.offset,
        query=query,
        prefetches=_prefetches(shard, body, where),
        filter=filter_,
        score_threshold=body.score_threshold,
        with_vector=body.with_vector or False,
        with_payload=to_payload_selector(body.with_payload, default=False),
    )


def _prefetches(
    shard: qe.EdgeShard, body: m.QueryRequest | m.Prefetch, where: str
) -> list[qe.Prefetch] | None:
    if body.prefetch is None:
        return None
    stages = body.prefetch if isinstance(body.prefetch, list) else [body.prefetch]
    return [_prefetch(shard, stage, f"{where}.prefetch[{i}]") for i, stage in enumerate(stages)]


def _prefetch(shard: qe.EdgeShard, body: m.Prefetch, where: str) -> qe.Prefetch:
    refuse_all_but(OF_A_STAGE, body)
    query, filter_ = _scoring(shard, body, where)
    return qe.Prefetch(
        limit=_limit(body, where),
        query=query,
        prefetches=_prefetches(shard, body, where),
        filter=filter_,
        score_threshold=body.score_threshold,
    )


def _limit(body: m.QueryRequest | m.Prefetch, where: str) -> int:
    at_least(1, f"{where}.limit", body.limit)
    return DEFAULT_LIMIT if body.limit is None else body.limit


def _scoring(
    shard: qe.EdgeShard, body: m.QueryRequest | m.Prefetch, where: str
) -> tuple[qe.ScoringQueryType | None, qe.Filter | None]:
    """Translate how a stage scores points, and which it takes."""
    if body.params:
        refuse_all_but(("hnsw_ef", "exact"), body.params)
    filter_ = to_filter_or_none(body.filter)
    query: m.QueryInterface | None = body.query
    if isinstance(query, m.NearestQuery):
        refuse_all_but(("nearest",), query)
        query = query.nearest
    match query:
        case None:
            return None, filter_
        case int() | str() | UUID():
            id_ = point_id(query)
            # A point is not its own neighbour.
            others = qe.Filter(must=[filter_] if filter_ else None, must_not=[qe.HasIdCondition({id_})])
            return qe.Query.Nearest(_stored_vector(shard, id_), body.using), others
        case list():
            return qe.Query.Nearest(to_vector(query, f"{where}.query"), body.using), filter_
        case m.FusionQuery() | m.RrfQuery():
            return _fusion(query, where), filter_
        case m.FormulaQuery():
            return to_formula(query), filter_
        case _:
            raise unsupported(f"{type(query).__name__} as a query")


def _fusion(query: m.FusionQuery | m.RrfQuery, where: str) -> Any:
    if isinstance(query, m.RrfQuery):
        at_least(1, f"{where}.query.rrf.k", query.rrf.k)
        return qe.Fusion.Rrf(query.rrf.k or DEFAULT_RRF_K, query.rrf.weights)
    return qe.Fusion.Dbsf() if query.fusion == m.Fusion.DBSF else qe.Fusion.Rrf(DEFAULT_RRF_K)


def _stored_vector(shard: qe.EdgeShard, id_: int | UUID) -> Vector:
    found = shard.retrieve([id_], False, True)
    if not found:
        raise not_found(f"No point with id {id_} found")
    if found[0].vector == {}:
        raise not_found('Vector with name "" for point not found')
    return to_vector(found[0].vector, "")


def to_payload_selector(wanted: m.WithPayloadInterface | None, *, default: bool) -> qe.WithPayloadType:
    """Translate which parts of the payload to return."""
    if wanted is None:
        return default
    if isinstance(wanted, m.PayloadSelectorInclude):
        return qe.PayloadSelector.Include(wanted.include)
    if isinstance(wanted, m.PayloadSelectorExclude):
        return qe.PayloadSelector.Exclude(wanted.exclude)
    return wanted
