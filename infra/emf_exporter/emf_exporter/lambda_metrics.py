"""What Lambda itself counts of each function, in CloudWatch: also of one that never came to write a line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Metric

_COUNTED = ("Invocations", "Errors", "Throttles")
_PERIOD = 60
_SETTLED = 600  # seconds after which nothing is added to a period any more
_QUERIES = 500  # the most of one request


class LambdaMetrics:
    """Counters of the functions whose names begin so, from `since` on, in seconds.

    CloudWatch has sums of periods; a counter is the sum of them all. Those that may grow are read again.
    """

    def __init__(self, cloudwatch: Any, prefix: str, since: float) -> None:
        self._cloudwatch = cloudwatch
        self._prefix = prefix
        self._since = _floor(since)
        self._settled: dict[tuple[str, str], float] = {}
        self._shown: dict[tuple[str, str], float] = {}

    def read(self, now: float) -> None:
        """Bring the counters up to date. On botocore's errors they stay as they were."""
        until = max(self._since, _floor(now - _SETTLED))
        settled = dict(self._settled)
        totals = dict.fromkeys(((name, each) for name in self._functions() for each in _COUNTED), 0.0)
        totals |= settled
        for key, at, value in self._values(list(totals), now):
            totals[key] += value
            if at < until:
                settled[key] = settled.get(key, 0) + value
        self._since, self._settled = until, settled
        # A new one is shown at zero first, like those of converter.py.
        self._shown = {key: total if key in self._shown else 0 for key, total in totals.items()}

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each metric."""
        for counted in _COUNTED:
            name = f"aws_lambda_{counted.lower()}"
            family = Metric(name, f"{counted} of a function, as Lambda counts them", "counter")
            for (function, metric), total in sorted(self._shown.items()):
                if metric == counted:
                    family.add_sample(f"{name}_total", {"function_name": function}, total)
            yield family

    def _functions(self) -> set[str]:
        pages = self._cloudwatch.get_paginator("list_metrics").paginate(
            Namespace="AWS/Lambda", MetricName="Invocations"
        )
        names = {
            dimension["Value"]
            for page in pages
            for metric in page["Metrics"]
            for dimension in metric["Dimensions"]
            if dimension["Name"] == "FunctionName"
        }
        return {name for name in names if name.startswith(self._prefix)}

    def _values(
        self, keys: list[tuple[str, str]], now: float
    ) -> Iterator[tuple[tuple[str, str], float, float]]:
        """Yield function and metric, the beginning of a period, and its sum."""
        for first in range(0, len(keys), _QUERIES):
            some = keys[first : first + _QUERIES]
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[_query(number, key) for number, key in enumerate(some)],
                StartTime=datetime.fromtimestamp(self._since, UTC),
                EndTime=datetime.fromtimestamp(_floor(now) + _PERIOD, UTC),
            )
            for result in (result for page in pages for result in page["MetricDataResults"]):
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    yield some[int(result["Id"][1:])], at.timestamp(), value


def _query(number: int, key: tuple[str, str]) -> dict[str, Any]:
    function, metric = key
    dimensions = [{"Name": "FunctionName", "Value": function}]
    counted = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": f"m{number}", "MetricStat": {"Metric": counted, "Period": _PERIOD, "Stat": "Sum"}}


def _floor(seconds: float) -> float:
    return seconds // _PERIOD * _PERIOD
