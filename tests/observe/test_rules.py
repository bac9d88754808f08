"""Each alert fires when its alarm would, and not before: by Prometheus' own tests of rules."""

import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from mesh.observing.prometheus import FOLDER

from tests import sam

ALARMS = sam.resources("AWS::CloudWatch::Alarm")
RULES = FOLDER / "rules.yaml"


class Case(NamedTuple):
    """Series, a value each interval, and from when to when the alert fires: minutes, the last one too."""

    series: dict[str, str]
    first: int
    last: int
    labels: tuple[tuple[str, str], ...] = ()
    interval: str = "1m"


NEVER = (1, 0)
END = 40


def requests(failed: int, of: int) -> dict[str, str]:
    name = 'event_mesh_requests_total{{service="search",status="{}",tenant="a"}}'
    return {name.format(200): f"0+{of - failed}x{END}", name.format(503): f"0+{failed}x{END}"}


def lag(*partitions: int) -> dict[str, str]:
    name = 'kafka_esm_consumer_lag_records{{function="event-mesh-EnrichFunction-1",topic="t",partition="{}"}}'
    return {name.format(number): f"0 0 {records}x{END}" for number, records in enumerate(partitions)}


def cases(name: str) -> list[Case]:
    """Return what an alert is tried with."""
    age, relay = 'event_mesh_outbox_age_seconds{service="relay_events"}', (("service", "relay_events"),)
    dead = "event_mesh_dead_letters_total"
    by_name = {
        "ApiFailures": [Case(requests(5, 100), 6, END), Case(requests(4, 100), *NEVER), Case({}, *NEVER)],
        "OutboxTooOld": [
            Case({age: f"0 0 0 300x{END}"}, 8, END),
            Case({age: f"0 0 0 299x{END}"}, *NEVER),
            Case({age: f"0 0 0 300 0x{END}"}, *NEVER, interval="90s"),  # in one of two periods
            Case({age: f"0x3 _x{END}"}, 14, END, relay),  # the relay does not run any more
            Case({}, 5, END, relay),  # or never did
        ],
        "DeadLettersCame": [
            Case({f'{dead}{{service="enrich"}}': f"0 0 1x{END}"}, 2, 6),
            Case({f'{dead}{{service="enrich_next"}}': f"0 0 1x{END}"}, *NEVER),
        ],
        "EnrichFallsBehind": [Case(lag(400, 600), 12, END), Case(lag(400, 599), *NEVER)],
    }
    if name in by_name:
        return by_name[name]
    alarm = ALARMS[name]
    counter = f"aws_lambda_{alarm['MetricName'].lower()}_total"
    function = f"event-mesh-{alarm['Dimensions'][0]['Value']['Ref']}-4CA008290"
    return [
        Case({f'{counter}{{function_name="{function}"}}': f"0 0 1x{END}"}, 2, 6),
        Case({f'{counter}{{function_name="event-mesh-AnotherFunction-1"}}': f"0 0 1x{END}"}, *NEVER),
    ]


def as_promtool_reads(name: str, case: Case) -> dict[str, Any]:
    fires = {
        "exp_labels": dict(case.labels),
        "exp_annotations": {"summary": ALARMS[name]["AlarmDescription"]},
    }
    return {
        "interval": case.interval,
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {
                "eval_time": f"{minute}m",
                "alertname": name,
                "exp_alerts": [fires] if case.first <= minute <= case.last else [],
            }
            for minute in range(END)
        ],
    }


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALARMS)
def test_an_alert_fires_when_its_alarm_would(name: str, tmp_path: Path) -> None:
    file = tmp_path / "test.yaml"
    tests = [as_promtool_reads(name, case) for case in cases(name)]
    content = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}
    file.write_text(yaml.safe_dump(content))
    promtool("test", "rules", str(file))


def test_prometheus_takes_configuration_and_rules() -> None:
    promtool("check", "config", str(FOLDER / "prometheus.yaml"))
