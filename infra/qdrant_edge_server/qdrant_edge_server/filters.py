"""Filters: REST models to engine objects."""

# qdrant_edge's type aliases exist for the type checker only.
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
import qdrant_edge as qe
from qdrant_client.http import models as m

from qdrant_edge_server.errors import invalid, refuse_all_but, unsupported
from qdrant_edge_server.ids import point_id

FIELD_CONDITIONS = ("match", "range", "is_empty", "is_null")


def to_filter(filter_: m.Filter) -> qe.Filter:
    """Translate a filter, refusing conditions that are not served."""
    at_least_some = filter_.min_should
    return qe.Filter(
        must=_conditions(filter_.must),
        should=_conditions(filter_.should),
        must_not=_conditions(filter_.must_not),
        min_should=qe.MinShould(_conditions(at_least_some.conditions) or [], at_least_some.min_count)
        if at_least_some
        else None,
    )


def to_filter_or_none(filter_: m.Filter | None) -> qe.Filter | None:
    """Translate a filter that may be absent."""
    return None if filter_ is None else to_filter(filter_)


def _conditions(clause: Sequence[m.Condition] | m.Condition | None) -> list[qe.ConditionType] | None:
    if clause is None:
        return None
    return [_condition(c) for c in (clause if isinstance(clause, Sequence) else [clause])]


def _condition(condition: m.Condition) -> qe.ConditionType:
    match condition:
        case m.FieldCondition():
            return _field_condition(condition)
        case m.Filter():
            return to_filter(condition)
        case m.HasIdCondition():
            return qe.HasIdCondition({point_id(i) for i in condition.has_id})
        case m.IsEmptyCondition():
            return qe.IsEmptyCondition(condition.is_empty.key)
        case m.IsNullCondition():
            return qe.IsNullCondition(condition.is_null.key)
        case _:
            raise unsupported(type(condition).__name__)


def _field_condition(condition: m.FieldCondition) -> qe.FieldCondition:
    refuse_all_but(("key", *FIELD_CONDITIONS), condition)
    if all(getattr(condition, name) is None for name in FIELD_CONDITIONS):
        raise invalid("match", "At least one field condition must be specified")
    return qe.FieldCondition(
        condition.key,
        match=_match(condition.match) if condition.match else None,
        range=_range(condition.range) if condition.range else None,
        is_empty=condition.is_empty,
        is_null=condition.is_null,
    )


def _match(match: m.Match) -> qe.MatchType:
    if isinstance(match, m.MatchValue):
        value: Any = match.value
        if isinstance(value, bool):
            # The binding takes Python's bool for an integer, which matches no boolean, but not numpy's.
            value = numpy.bool_(value)
        return qe.MatchValue(value)
    if isinstance(match, m.MatchAny):
        return qe.MatchAny(match.any)
    if isinstance(match, m.MatchExcept):
        return qe.MatchExcept(match.except_)
    raise unsupported(type(match).__name__)


def _range(bounds: m.RangeInterface) -> qe.RangeType:
    if isinstance(bounds, m.Range):
        return qe.RangeFloat(gte=bounds.gte, gt=bounds.gt, lte=bounds.lte, lt=bounds.lt)
    times = {name: at.isoformat() for name, at in bounds if at is not None}
    return qe.RangeDateTime(**times)
