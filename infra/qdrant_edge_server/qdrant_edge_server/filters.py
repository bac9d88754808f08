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

FIELD_CONDITIONS = (
    "match",
    "range",
    "geo_bounding_box",
    "geo_radius",
    "geo_polygon",
    "values_count",
    "is_empty",
    "is_null",
)


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
    return [to_condition(c) for c in (clause if isinstance(clause, Sequence) else [clause])]


def to_condition(condition: m.Condition) -> qe.ConditionType:
    """Translate a condition, refusing those that are not served."""
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
        case m.HasVectorCondition():
            return qe.HasVectorCondition(condition.has_vector)
        case m.NestedCondition():
            return qe.NestedCondition(condition.nested.key, to_filter(condition.nested.filter))
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
        geo_bounding_box=_box(condition.geo_bounding_box) if condition.geo_bounding_box else None,
        geo_radius=_circle(condition.geo_radius) if condition.geo_radius else None,
        geo_polygon=_polygon(condition.geo_polygon) if condition.geo_polygon else None,
        values_count=qe.ValuesCount(**dict(condition.values_count)) if condition.values_count else None,
        is_empty=condition.is_empty,
        is_null=condition.is_null,
    )


def _match(match: m.Match) -> qe.MatchType:
    match match:
        case m.MatchValue():
            value: Any = match.value
            if isinstance(value, bool):
                # The binding takes Python's bool for an integer, which matches no boolean, but not numpy's.
                value = numpy.bool_(value)
            return qe.MatchValue(value)
        case m.MatchAny():
            return qe.MatchAny(match.any)
        case m.MatchExcept():
            return qe.MatchExcept(match.except_)
        case m.MatchText():
            return qe.MatchText(match.text)
        case m.MatchTextAny():
            return qe.MatchTextAny(match.text_any)
        case m.MatchPhrase():
            return qe.MatchPhrase(match.phrase)
        case m.MatchPrefix():
            return qe.MatchPrefix(match.prefix)
        case m.MatchSubstring():
            return qe.MatchSubstring(match.substring)


def _range(bounds: m.RangeInterface) -> qe.RangeType:
    if isinstance(bounds, m.Range):
        return qe.RangeFloat(gte=bounds.gte, gt=bounds.gt, lte=bounds.lte, lt=bounds.lt)
    times = {name: at.isoformat() for name, at in bounds if at is not None}
    return qe.RangeDateTime(**times)


def to_geo_point(point: m.GeoPoint) -> qe.GeoPoint:
    """Translate a place on earth."""
    return qe.GeoPoint(point.lon, point.lat)


def _box(box: m.GeoBoundingBox) -> qe.GeoBoundingBox:
    return qe.GeoBoundingBox(to_geo_point(box.top_left), to_geo_point(box.bottom_right))


def _circle(circle: m.GeoRadius) -> qe.GeoRadius:
    return qe.GeoRadius(to_geo_point(circle.center), circle.radius)


def _polygon(polygon: m.GeoPolygon) -> qe.GeoPolygon:
    return qe.GeoPolygon(_line(polygon.exterior), [_line(hole) for hole in polygon.interiors or []])


def _line(line: m.GeoLineString) -> list[qe.GeoPoint]:
    return [to_geo_point(point) for point in line.points]
