"""What CloudWatch holds is counted once, whatever comes in between."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from emf_exporter.converter import Rules
from emf_exporter.exporter import Exporter
from emf_exporter.log_groups import LogGroups
from moto.core.models import MockAWS

from tests.unit.emf_exporter.emf import document

START = time.time() // 60 * 60 - 3600 + 20  # CloudWatch takes nothing that is old
CREATED = "event_mesh_users_created_total"
ERRORS = "aws_lambda_errors_total"


class Account:
    """An account's CloudWatch, and its time."""

    def __init__(self, logs: Any, cloudwatch: Any) -> None:
        self.now = START
        self.logs, self.cloudwatch = logs, cloudwatch

    def write(self, function: str, *lines: str, stream: str = "one", at: float | None = None) -> None:
        group = {"logGroupName": f"/aws/lambda/{function}"}
        for make, given in (
            (self.logs.create_log_group, group),
            (self.logs.create_log_stream, group | {"logStreamName": stream}),
        ):
            with suppress(self.logs.exceptions.ResourceAlreadyExistsException):
                make(**given)
        at_ms = int((at or self.now) * 1000)
        events = [{"timestamp": at_ms, "message": line} for line in lines]
        self.logs.put_log_events(**group, logStreamName=stream, logEvents=events)

    def counted(self, function: str, at: float | None = None, **values: float) -> None:
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "FunctionName", "Value": function}],
                "Timestamp": datetime.fromtimestamp(at or self.now, UTC),
                "Value": value,
            }
            for name, value in values.items()
        ]
        self.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=data)

    def exporter(self) -> Exporter:
        return Exporter(self.logs, self.cloudwatch, "event-mesh-", Rules(), 1, lambda: self.now)


@pytest.fixture(scope="module")
def clients(moto: MockAWS) -> tuple[Any, Any]:
    """They are slow to make."""
    session = boto3.Session(region_name="us-east-1")
    return session.client("logs"), session.client("cloudwatch")


@pytest.fixture
def account(moto: MockAWS, clients: tuple[Any, Any]) -> Account:
    moto.reset()
    return Account(*clients)


def scrape(exporter: Exporter, name: str) -> dict[str, float]:
    """Return the values of one metric, by its only label."""
    return {
        next(iter(sample.labels.values()), ""): sample.value
        for family in exporter.collect()
        for sample in family.samples
        if sample.name == name
    }


def created(service: str = "create_user") -> str:
    return document({"UsersCreated": "Count"}, [["service"]], service=service, UsersCreated=1)


def test_given_lines_between_scrapes_when_scraped_then_each_is_counted_once(account: Account) -> None:
    exporter = account.exporter()
    totals = []
    for number in range(4):
        account.write("event-mesh-a", "START", created(), created(), "END", stream=str(number % 2))
        account.now += 5
        totals.append(scrape(exporter, CREATED))
    assert totals == [{"create_user": count} for count in (0, 4, 6, 8)]


def test_given_older_lines_and_other_functions_when_scraped_then_they_are_passed_over(
    account: Account,
) -> None:
    account.write("event-mesh-a", created(), at=START - 60)
    account.write("another", created())
    exporter = account.exporter()
    account.now += 5
    assert scrape(exporter, CREATED) == {}


def test_given_a_line_that_is_still_on_its_way_when_scraped_then_the_next_scrape_has_it(
    account: Account,
) -> None:
    exporter = account.exporter()
    account.now += 5
    scrape(exporter, CREATED)
    account.write("event-mesh-a", created(), at=account.now - 0.5)  # of before the scrape, come after it
    account.now += 5
    scrape(exporter, CREATED)
    assert scrape(exporter, CREATED) == {"create_user": 1}


def test_given_an_outage_when_scraped_then_counters_stay_and_nothing_is_missed(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = account.exporter()
    account.write("event-mesh-a", created())
    account.now += 5
    scrape(exporter, CREATED)

    def refuse(*_: Any, **__: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    with monkeypatch.context() as outage:
        outage.setattr(account.logs, "get_paginator", refuse)
        account.write("event-mesh-a", created())
        account.now += 5
        assert scrape(exporter, "emf_exporter_up") == {"": 0}
        assert scrape(exporter, CREATED) == {"create_user": 1}

    account.now += 5
    assert scrape(exporter, "emf_exporter_up") == {"": 1}
    assert scrape(exporter, CREATED) == {"create_user": 2}


def test_given_an_answer_that_was_cut_off_when_read_then_the_rest_is_read_too() -> None:
    times = [*range(15_000), *[14_999] * 7]

    class Cut:
        """MiniStack: at most 10,000 events, and no token for the next."""

        def get_paginator(self, name: str) -> "Cut":
            self.name = name
            return self

        def paginate(self, startTime: int = 0, endTime: int = 0, **_: Any) -> list[dict[str, Any]]:  # noqa: N803
            if self.name == "describe_log_groups":
                return [{"logGroups": [{"logGroupName": "g"}]}]
            found = [{"message": str(at)} for at in times if startTime <= at <= endTime]
            return [{"events": found[:10_000]}]

    assert [*LogGroups(Cut(), "g", 0, 0).read(20_000)] == [str(at) for at in times]


def test_given_failed_invocations_when_scraped_then_they_are_a_counter_from_the_start_on(
    account: Account,
) -> None:
    account.counted("event-mesh-a", at=START - 600, Invocations=1, Errors=1)
    exporter = account.exporter()
    account.counted("event-mesh-a", Invocations=1, Errors=0)
    account.counted("another", Invocations=1, Errors=1)
    totals = []
    for _ in range(40):  # over many periods, the settled ones among them
        totals.append(scrape(exporter, ERRORS)["event-mesh-a"])
        account.counted("event-mesh-a", Invocations=1, Errors=1)
        account.now += 45
    assert totals == [*map(float, range(40))]


def test_given_a_failure_that_is_told_late_when_scraped_then_it_is_counted(account: Account) -> None:
    exporter = account.exporter()
    account.counted("event-mesh-a", Invocations=1, Errors=0)
    scrape(exporter, ERRORS)
    account.now += 300
    account.counted("event-mesh-a", at=START, Invocations=1, Errors=1)
    assert scrape(exporter, ERRORS) == {"event-mesh-a": 1}


def test_given_a_first_invocation_that_failed_when_scraped_then_it_was_at_zero_before(
    account: Account,
) -> None:
    exporter = account.exporter()
    account.counted("event-mesh-a", Invocations=1, Errors=1)
    assert [scrape(exporter, ERRORS)["event-mesh-a"] for _ in range(2)] == [0, 1]
