"""The panels that AWS has data for, as a dashboard of CloudWatch: in template.yaml and in infra/terraform."""

import json
import re
from typing import Any

from mesh_observability.panels import DASHBOARDS, Dashboard, Metric, Panel

_WIDE, _HIGH, _PERIOD = 12, 6, 300
_INDENT = " " * 8
HEAD = "      DashboardBody: !Sub |\n"


def body() -> str:
    """Return the value of DashboardBody, for `!Sub`: a widget a line, to be read in a diff."""
    lines = []
    top = 0
    for page in DASHBOARDS:
        lines.append(_line(_heading(page, top)))
        top += 2
        shown = [panel for panel in page.panels if panel.cloudwatch]
        for number, panel in enumerate(shown):
            lines.append(_line(_widget(panel, number % 2 * _WIDE, top + number // 2 * _HIGH)))
        top += (len(shown) + 1) // 2 * _HIGH
    return '{"widgets": [\n' + ",\n".join(lines) + "\n]}\n"


def for_terraform() -> str:
    """Return the same for `templatefile`, given `name`, `region` and the functions' names by their keys."""
    text = body().replace("${AWS::StackName}", "${name}").replace("${AWS::Region}", "${region}")
    return re.sub(r"\$\{(\w+)Function\}", r"${functions.\1}", text)


def written(template: str) -> str:
    """Return the template's text with the dashboard as it is now."""
    before, head, rest = template.partition(HEAD)
    after = rest.splitlines(keepends=True)
    while after and after[0].startswith(_INDENT):
        del after[0]
    block = "".join(_INDENT + line for line in body().splitlines(keepends=True))
    return before + head + block + "".join(after)


def _heading(page: Dashboard, top: int) -> dict[str, Any]:
    markdown = f"# {page.title}\n{page.question}"
    return {"type": "text", "x": 0, "y": top, "width": 24, "height": 2, "properties": {"markdown": markdown}}


def _widget(panel: Panel, left: int, top: int) -> dict[str, Any]:
    place = {"x": left, "y": top, "width": _WIDE, "height": _HIGH}
    shared = {"title": panel.title, "region": "${AWS::Region}"}
    if isinstance(panel.cloudwatch, str):
        groups = " | ".join(f"SOURCE '/aws/lambda/${{{name}Function}}'" for name in _BY_TENANT)
        query = f"{groups} | {panel.cloudwatch}"
        return {"type": "log", **place, "properties": {**shared, "view": "table", "query": query}}
    metrics = [[{"expression": _search(each)}] for each in panel.cloudwatch]
    axis = {"left": {"min": 0}}
    return {"type": "metric", **place, "properties": {**shared, "metrics": metrics, "yAxis": axis}}


_BY_TENANT = ("CreateUser", "ImportUsers", "GetUser", "UpdateUser", "DeleteUser", "ListUsers", "Search")


def _search(metric: Metric) -> str:
    """Return the search that finds a metric of this stack, whatever its functions are called."""
    ours = '"${AWS::StackName}"' if metric.namespace.startswith("AWS/") else ""
    words = [f'MetricName="{metric.name}"', ours, metric.matching]
    schema = f"{{{metric.namespace},{metric.dimensions}}}"
    return f"SEARCH('{schema} {' '.join(filter(None, words))}', '{metric.statistic}', {_PERIOD})"


def _line(widget: dict[str, Any]) -> str:
    return json.dumps(widget, ensure_ascii=False)
