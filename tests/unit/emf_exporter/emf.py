"""Documents as Powertools writes them."""

import json
from typing import Any


def document(units: dict[str, str], dimensions: list[list[str]] | None = None, **values: Any) -> str:
    """Return a line with metrics, each with its unit, and the values of these and of all else."""
    metrics = [{"Name": name, "Unit": unit} if unit else {"Name": name} for name, unit in units.items()]
    sets = [[]] if dimensions is None else dimensions
    directive = {"Namespace": "EventMesh", "Dimensions": sets, "Metrics": metrics}
    return json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, **values})
