"""Formulas that score points again: REST expressions to the engine's."""

# qdrant_edge's type aliases exist for the type checker only.
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as qe
from qdrant_client.http import models as m

from qdrant_edge_server.filters import to_condition, to_geo_point

# Expressions by their only key in JSON.
OF_ONE: dict[str, Callable[[qe.Expression], qe.Expression]] = {
    "neg": qe.Expression.Neg,
    "abs": qe.Expression.Abs,
    "sqrt": qe.Expression.Sqrt,
    "exp": qe.Expression.Exp,
    "log10": qe.Expression.Log10,
    "ln": qe.Expression.Ln,
    "acosh": qe.Expression.Acosh,
}
OF_SEVERAL: dict[str, Callable[[list[qe.Expression]], qe.Expression]] = {
    "mult": qe.Expression.Mult,
    "sum": qe.Expression.Sum,
    "max": qe.Expression.Max,
    "min": qe.Expression.Min,
}
DECAYS = {
    "lin_decay": qe.DecayKind.Lin,
    "exp_decay": qe.DecayKind.Exp,
    "gauss_decay": qe.DecayKind.Gauss,
}
CONDITIONS = (
    m.FieldCondition,
    m.IsEmptyCondition,
    m.IsNullCondition,
    m.HasIdCondition,
    m.HasVectorCondition,
    m.NestedCondition,
    m.SliceCondition,
    m.Filter,
)


def to_formula(query: m.FormulaQuery) -> qe.Formula:
    """Translate a formula and what stands in for values that a point does not have."""
    return qe.Formula(_expression(query.formula), query.defaults or {})


def _expression(expression: m.Expression) -> qe.Expression:
    if isinstance(expression, (int, float)):
        return qe.Expression.Constant(expression)
    if isinstance(expression, str):
        return qe.Expression.Variable(expression)
    if isinstance(expression, CONDITIONS):
        return qe.Expression.Condition(to_condition(expression))
    ((name, operand),) = expression
    return _operation(name, operand)


def _operation(name: str, operand: Any) -> qe.Expression:
    if name in OF_ONE:
        return OF_ONE[name](_expression(operand))
    if name in OF_SEVERAL:
        return OF_SEVERAL[name]([_expression(one) for one in operand])
    if name in DECAYS:
        target = None if operand.target is None else _expression(operand.target)
        return qe.Expression.Decay(
            DECAYS[name], _expression(operand.x), target, operand.midpoint, operand.scale
        )
    match name:
        case "div":
            left, right = _expression(operand.left), _expression(operand.right)
            return qe.Expression.Div(left, right, operand.by_zero_default)
        case "pow":
            return qe.Expression.Pow(_expression(operand.base), _expression(operand.exponent))
        case "geo_distance":
            return qe.Expression.GeoDistance(to_geo_point(operand.origin), operand.to)
        case "datetime":
            return qe.Expression.Datetime(operand)
        case _:
            return qe.Expression.DatetimeKey(operand)
