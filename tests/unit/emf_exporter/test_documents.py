"""A log line is read as CloudWatch reads it."""

import pytest
from emf_exporter.documents import MalformedError, measurements

from tests.unit.emf_exporter.emf import document

CREATED = {"UsersCreated": "Count"}


@pytest.mark.parametrize(
    "line", ["", "START RequestId: 1", '{"message": "request", "status": 200}', "null", "[]", "{", "not {}"]
)
def test_given_a_line_that_is_no_document_when_read_then_it_measured_nothing(line: str) -> None:
    assert measurements(line) == []


def test_given_several_values_of_a_metric_when_read_then_all_are_there() -> None:
    (found,) = measurements(document(CREATED, [["service"]], service="a", UsersCreated=[1, 2.0, 3]))
    assert (found.name, found.unit, found.values) == ("UsersCreated", "Count", (1, 2, 3))


def test_given_a_metric_in_several_sets_of_dimensions_when_read_then_it_was_measured_once() -> None:
    line = document(CREATED, [["service"], ["service", "stage"]], service="a", stage="v1", UsersCreated=1)
    (found,) = measurements(line)
    assert found.dimensions == {"service": "a", "stage": "v1"}


def test_given_a_document_behind_a_time_and_a_request_id_when_read_then_it_is_found() -> None:
    line = f"2026-01-01T00:00:00Z\tabc\tINFO\t{document(CREATED, UsersCreated=1)}"
    assert [found.name for found in measurements(line)] == ["UsersCreated"]


def test_given_metadata_when_read_then_they_can_be_asked_for() -> None:
    (found,) = measurements(document(CREATED, UsersCreated=1, tenant="a", status=201, nothing=None))
    assert [found.property(name) for name in ("tenant", "status", "nothing", "away")] == ["a", "201", "", ""]


def test_given_a_metric_without_a_unit_when_read_then_it_has_none() -> None:
    (found,) = measurements(document({"Heat": ""}, Heat=1))
    assert found.unit == "None"


@pytest.mark.parametrize(
    "line",
    [
        document(CREATED, [["service"]], service="a", UsersCreated=1)[:-9],  # cut off, as at 256 KB
        document(CREATED, [["service"]], service="a"),
        document(CREATED, [["service"]], UsersCreated=1),
        document(CREATED, UsersCreated="many"),
        document(CREATED, UsersCreated=float("nan")),
        document(CREATED, UsersCreated={"Values": [1]}),
        '{"_aws": {"CloudWatchMetrics": 1}}',
        '{"CloudWatchMetrics": []}',
        'someone wrote "CloudWatchMetrics"',
    ],
)
def test_given_half_a_document_when_read_then_it_is_refused(line: str) -> None:
    with pytest.raises(MalformedError):
        measurements(line)
