"""The template's alarms as alert rules of Prometheus: the same thresholds over the same times."""

from collections.abc import Mapping
from typing import Any

import yaml
from kafka_esm.mappings import intrinsics

_ALARM = "AWS::CloudWatch::Alarm"
_HEAD = (
    "# Written by mesh_observability of template.yaml's alarms: docs/deploy.md says what to do about each.\n"
)


def alarms(template: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every alarm of a template's text, by name."""
    resources = intrinsics.parse(template)["Resources"]
    return {
        name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == _ALARM
    }


def rendered(template: str) -> str:
    """Return the rules of a template's text, as Prometheus reads them."""
    rules = [rule(name, alarm) for name, alarm in alarms(template).items()]
    return _HEAD + yaml.safe_dump(
        {"groups": [{"name": "event-mesh", "rules": rules}]}, sort_keys=False, width=1000
    )


def rule(name: str, alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Return one alarm's rule. ValueError for an alarm that has no counterpart here.

    An alarm's period is the range of the query; of several periods in a row, all but the first are the time
    for which it has to hold.
    """
    if alarm["ComparisonOperator"] != "GreaterThanOrEqualToThreshold":
        raise ValueError(f"{name}: {alarm['ComparisonOperator']} is not translated.")
    minutes = alarm["Period"] // 60
    value, absent = _value(name, alarm, f"{minutes}m")
    expression = f"{value} >= {alarm['Threshold']}"
    if alarm["TreatMissingData"] == "breaching":
        expression += f" or {absent}"
    return {
        "alert": name,
        "expr": expression,
        "for": f"{minutes * (alarm['EvaluationPeriods'] - 1)}m",
        "annotations": {"summary": alarm["AlarmDescription"]},
    }


def _value(name: str, alarm: Mapping[str, Any], period: str) -> tuple[str, str]:
    """Return what is compared with the threshold, and whether there is nothing to compare."""
    metric, statistic = f"{alarm['Namespace']}/{alarm['MetricName']}", alarm["Statistic"]
    where = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    if metric in ("AWS/Lambda/Errors", "AWS/Lambda/Throttles") and statistic == "Sum":
        counter = f"aws_lambda_{alarm['MetricName'].lower()}_total"
        series = f'{counter}{{function_name=~".+-{where["FunctionName"]["Ref"]}-.+"}}'
        return f"sum(increase({series}[{period}]))", f"absent({series})"
    if metric == "AWS/Lambda/OffsetLag" and statistic == "Maximum":
        series = f'kafka_esm_consumer_lag_records{{function=~".+-{where["FunctionName"]["Ref"]}-.+"}}'
        return f"max_over_time(sum({series})[{period}:])", f"absent({series})"
    if metric == "AWS/ApiGateway/5XXError" and statistic == "Average":
        failed = f'sum(increase(event_mesh_requests_total{{status=~"5.."}}[{period}]))'
        return f"{failed} / sum(increase(event_mesh_requests_total[{period}]))", "vector(0)"
    if metric == "EventMesh/DeadLetters" and statistic == "Sum":
        series = f'event_mesh_dead_letters_total{{service="{where["service"]}"}}'
        return f"sum(increase({series}[{period}]))", f"absent({series})"
    if metric == "EventMesh/OutboxAge" and statistic == "Maximum":
        series = f'event_mesh_outbox_age_seconds{{service="{where["service"]}"}}'
        return f"max(max_over_time({series}[{period}]))", f"absent_over_time({series}[{period}])"
    raise ValueError(f"{name}: {statistic} of {metric} has no counterpart in Prometheus.")
