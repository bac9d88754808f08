"""Dashboards and rules are what their sources say, can be read, and ask for what somebody writes."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import promql_parser
import pytest
import yaml
from emf_exporter.converter import Converter
from kafka_esm.monitoring.metrics import StatusCollector, families
from mesh import paths
from mesh.observing.__main__ import RULES
from mesh.observing.collectors import ComponentCollector, QdrantCollector
from mesh_observability import __main__ as written
from mesh_observability import cloudwatch, rules
from mesh_observability.panels import DASHBOARDS, Metric
from prometheus_client import CollectorRegistry

from tests import sam
from tests.unit.emf_exporter.emf import document

ALARMS = sam.resources("AWS::CloudWatch::Alarm")
ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load((written.FOLDER / "prometheus" / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
}
PANELS = {f"{page.title}: {panel.title}": panel for page in DASHBOARDS for panel in page.panels}
QUERIES = {
    f"{name} {number}": query.promql
    for name, panel in PANELS.items()
    for number, query in enumerate(panel.queries)
} | {name: rule["expr"] for name, rule in ALERTS.items()}
MEASURED = re.compile(r'add_metric\("(\w+)", MetricUnit\.(\w+)')


@pytest.mark.parametrize("path", written.outputs(), ids=lambda path: path.name)
def test_what_is_committed_is_what_is_written(path: Any) -> None:
    assert path.read_text(encoding="utf-8") == written.outputs()[path], "run: make lock"


def test_no_dashboard_stays_that_nobody_writes() -> None:
    folder = written.FOLDER / "grafana" / "dashboards"
    assert set(folder.iterdir()) == {path for path in written.outputs() if path.parent == folder}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_is_promql(query: str) -> None:
    promql_parser.parse(query)


def measured() -> dict[str, str]:
    """Return every metric that functions and layers write, with its unit."""
    sources = [*paths.ROOT.glob("functions/*/app.py"), *paths.ROOT.glob("layers/*/*/**/*.py")]
    return dict(chain.from_iterable(MEASURED.findall(path.read_text(encoding="utf-8")) for path in sources))


def scraped() -> Iterator[str]:
    """Yield the name of every series that a mesh may have."""
    converter = Converter(RULES)
    for name, unit in measured().items():
        converter.add(document({name: unit}, **{name: 1}))
    registry = CollectorRegistry()
    families(registry)
    registry.register(StatusCollector(list))
    collected = (ComponentCollector(list), QdrantCollector(lambda: None), registry, converter)
    for family in chain.from_iterable(each.collect() for each in collected):
        yield family.name if family.type == "gauge" else f"{family.name}_total"
        if family.type == "histogram":
            yield f"{family.name}_bucket"
    yield from (f"aws_lambda_{counted}_total" for counted in ("invocations", "errors", "throttles"))


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_asks_for_what_somebody_writes(query: str) -> None:
    asked = set(re.findall(r"\b(?:event_mesh|aws_lambda|kafka_esm|mesh)_\w+", query))
    assert asked
    assert asked <= set(scraped())


def test_the_exporter_is_told_of_metrics_that_functions_write() -> None:
    assert RULES.gauges | set().union(*RULES.labels.values()) <= measured().keys()
    assert RULES.bounded.keys() <= RULES.labels.keys()


def test_every_alarm_has_an_alert_of_its_name() -> None:
    assert ALERTS.keys() == ALARMS.keys()


@pytest.mark.parametrize("name", ALARMS)
def test_an_alert_is_its_alarm(name: str) -> None:
    alarm, alert = ALARMS[name], ALERTS[name]
    minutes = alarm["Period"] // 60
    comparison, _, missing = alert["expr"].partition(" or ")
    value, threshold = comparison.split(" >= ")
    assert float(threshold) == alarm["Threshold"]
    assert f"[{minutes}m" in value
    assert alert["for"] == f"{minutes * (alarm['EvaluationPeriods'] - 1)}m"
    assert missing.startswith("absent") == (alarm["TreatMissingData"] == "breaching")
    assert alert["annotations"]["summary"] == alarm["AlarmDescription"]
    counted = re.sub(r"(?<!^)(?=[A-Z])", "_", alarm["MetricName"]).lower()
    also = {"offset_lag": "consumer_lag_records", "5_x_x_error": 'status=~"5.."'}
    assert also.get(counted, counted) in value
    for dimension in alarm["Dimensions"]:
        if dimension["Name"] == "FunctionName":
            assert f"-{dimension['Value']['Ref']}-" in value
        if dimension["Name"] == "service":
            assert f'service="{dimension["Value"]}"' in value


@pytest.mark.parametrize(
    "change",
    [
        {"Statistic": "Minimum"},
        {"MetricName": "Duration"},
        {"ComparisonOperator": "LessThanThreshold"},
    ],
)
def test_an_alarm_without_a_counterpart_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="SearchErrors"):
        rules.rule("SearchErrors", {**ALARMS["SearchErrors"], **change})


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)
def test_a_dashboard_has_its_panels_beside_each_other_and_asks_the_source_that_is_provisioned(
    page: Any,
) -> None:
    grafana = written.FOLDER / "grafana"
    shown = json.loads((grafana / "dashboards" / f"{page.uid}.json").read_text(encoding="utf-8"))
    provisioned = yaml.safe_load((grafana / "provisioning" / "datasources" / "prometheus.yaml").read_text())
    (source,) = provisioned["datasources"]
    assert [panel["title"] for panel in shown["panels"]] == [panel.title for panel in page.panels]
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in shown["panels"]}) == len(
        page.panels
    )
    for panel in shown["panels"]:
        assert {each["datasource"]["uid"] for each in (panel, *panel["targets"])} == {source["uid"]}
        assert panel["description"].count("?") or panel["title"] == "Oldest event in the outbox"


def test_cloudwatch_shows_every_panel_that_it_has_data_for() -> None:
    body = json.loads(sam.resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"])
    titles = [each["properties"].get("title") for each in body["widgets"] if each["type"] != "text"]
    assert titles == [panel.title for panel in PANELS.values() if panel.cloudwatch]
    places = [(each["x"], each["y"]) for each in body["widgets"]]
    assert len(set(places)) == len(places)
    assert all(each["x"] + each["width"] <= 24 for each in body["widgets"])


def test_cloudwatch_is_asked_for_what_functions_write() -> None:
    asked = {
        metric.name
        for panel in PANELS.values()
        for metric in panel.cloudwatch
        if isinstance(metric, Metric) and metric.namespace == "EventMesh"
    }
    logged = {
        name
        for panel in PANELS.values()
        if isinstance(panel.cloudwatch, str)
        for name in re.findall(r"`(\w+)\.0`", panel.cloudwatch)
    }
    assert logged
    assert asked | logged <= measured().keys()


def test_a_template_that_is_written_twice_stays_as_it_is() -> None:
    template = paths.TEMPLATE.read_text(encoding="utf-8")
    cut = template.replace(cloudwatch.body().splitlines()[3], "")
    assert cut != template
    assert cloudwatch.written(cut) == cloudwatch.written(template) == template
