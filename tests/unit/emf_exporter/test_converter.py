"""Measurements become what Prometheus counts with."""

from collections.abc import Iterable

import pytest
from emf_exporter.converter import Converter, Rules
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tests.unit.emf_exporter.emf import document

CREATED = {"UsersCreated": "Count"}


class Exposed(Collector):
    """A converter as it is registered."""

    def __init__(self, converter: Converter) -> None:
        self.collect = converter.collect  # type: ignore[method-assign]

    def collect(self) -> Iterable[Metric]:
        raise NotImplementedError


def scrape(converter: Converter) -> dict[str, float]:
    """Return what Prometheus reads, by name and labels; what it could not read is an error."""
    registry = CollectorRegistry()
    registry.register(Exposed(converter))
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if not sample.name.startswith("emf_exporter")
    }


def scraped(lines: Iterable[str], rules: Rules = Rules(), scrapes: int = 1) -> dict[str, float]:  # noqa: B008
    """Return the last of some scrapes, after the one in which new series are shown at zero."""
    converter = Converter(rules)
    for line in lines:
        converter.add(line)
    for _ in range(scrapes):
        scrape(converter)
    return scrape(converter)


def test_given_counts_when_scraped_then_they_are_a_counter() -> None:
    lines = [document(CREATED, [["service"]], service="create_user", UsersCreated=n) for n in (1, [2, 3])]
    assert scraped(lines) == {"event_mesh_users_created_total service=create_user": 6}


def test_given_milliseconds_when_scraped_then_they_are_a_histogram_in_seconds() -> None:
    found = scraped([document({"RequestDuration": "Milliseconds"}, RequestDuration=[5, 30, 2_000_000])])
    name = "event_mesh_request_duration_seconds"
    assert found[f"{name}_count"] == 3
    assert round(found[f"{name}_sum"], 6) == 2000.035
    below = {key.partition("le=")[2]: value for key, value in found.items() if "_bucket" in key}
    assert (below["0.005"], below["0.025"], below["0.05"], below["900.0"], below["+Inf"]) == (1, 1, 2, 2, 3)


def test_given_a_gauge_of_seconds_when_scraped_then_the_last_value_is_shown() -> None:
    lines = [document({"OutboxAge": "Seconds"}, OutboxAge=age) for age in ([1, 90], 30)]
    assert scraped(lines, Rules(frozenset({"OutboxAge"})), scrapes=0) == {"event_mesh_outbox_age_seconds": 30}


def test_given_no_event_and_no_time_when_scraped_then_it_is_a_gauge() -> None:
    assert scraped([document({"Heat": ""}, Heat=3)]) == {"event_mesh_heat": 3}


def test_given_a_gauge_that_nobody_sets_any_more_when_scraped_then_it_is_gone() -> None:
    now = 1000.0
    converter = Converter(Rules(frozenset({"OutboxSize"}), gauge_seconds=60), lambda: now)
    converter.add(document({"OutboxSize": "Count"}, OutboxSize=3))
    now += 60
    assert scrape(converter) == {"event_mesh_outbox_size": 3}
    now += 1
    assert scrape(converter) == {}


def test_given_a_first_event_when_scraped_then_it_was_at_zero_before() -> None:
    converter = Converter(Rules())
    converter.add(document({**CREATED, "RequestDuration": "Seconds"}, UsersCreated=1, RequestDuration=1))
    assert set(scrape(converter).values()) == {0}
    second = scrape(converter)
    assert second["event_mesh_users_created_total"] == second["event_mesh_request_duration_seconds_sum"] == 1


def test_given_properties_when_scraped_then_they_are_labels_of_the_metrics_that_are_named() -> None:
    both = {"Requests": "Count", "Throttled": "Count"}
    rules = Rules(labels={"status": {"Requests"}, "tenant": {"Requests", "Throttled"}})
    lines = [
        document(both, Requests=1, Throttled=1, status=429, tenant="a"),
        document(CREATED, UsersCreated=1, tenant="a"),
        document({"Requests": "Count"}, Requests=1, status=401),  # nobody knows who it was
    ]
    assert scraped(lines, rules) == {
        "event_mesh_requests_total status=429 tenant=a": 1,
        "event_mesh_requests_total status=401 tenant=": 1,
        "event_mesh_throttled_total tenant=a": 1,
        "event_mesh_users_created_total": 1,
    }


def test_given_many_tenants_when_scraped_then_the_heaviest_have_a_label() -> None:
    rules = Rules(labels={"tenant": {"UsersCreated"}}, bounded={"tenant": 2})
    found = scraped([document(CREATED, UsersCreated=1, tenant=name) for name in "abcdeab"], rules)
    name = "event_mesh_users_created_total tenant="
    assert found == {f"{name}a": 2, f"{name}b": 2, f"{name}_other": 3}


def test_given_a_tenant_that_loses_its_label_when_scraped_then_its_series_is_gone_and_none_goes_back() -> (
    None
):
    rules = Rules(labels={"tenant": {"UsersCreated"}}, bounded={"tenant": 1})
    converter = Converter(rules)
    before: dict[str, float] = {}
    for name in "abbbab":
        converter.add(document(CREATED, UsersCreated=1, tenant=name))
        now = scrape(converter)
        assert all(now[series] >= value for series, value in before.items() if series in now)
        before = now
    name = "event_mesh_users_created_total tenant="
    assert scrape(converter) == {f"{name}b": 3, f"{name}_other": 2}


@pytest.mark.parametrize(
    ("metric", "dimension", "shown"),
    [
        ("HTTPErrors 5xx", "Function-Name", "event_mesh_http_errors_5xx_total function_name"),
        ("5XX", "2nd", "event_mesh__5_xx_total _2nd"),
        ("Größe", "日本", "event_mesh_gr_e_total _"),
    ],
)
def test_given_names_that_prometheus_does_not_take_when_scraped_then_they_are_made_to_fit(
    metric: str, dimension: str, shown: str
) -> None:
    line = document({metric: "Count"}, [[dimension]], **{metric: 1, dimension: 'ä\n"'})
    assert scraped([line]) == {f'{shown}=ä\n"': 1}


def test_given_each_kind_when_scraped_as_openmetrics_then_it_can_be_read() -> None:
    converter = Converter(Rules())
    units = {"UsersCreated": "Count", "RequestDuration": "Seconds", "Heat": "None"}
    converter.add(document(units, [["service"]], service="a", UsersCreated=1, RequestDuration=1, Heat=1))
    registry = CollectorRegistry()
    registry.register(Exposed(converter))
    text = openmetrics.generate_latest(registry).decode()
    kinds = {family.name: family.type for family in openmetrics_families(text)}
    assert {"counter", "histogram", "gauge"} == set(kinds.values())


def test_given_half_a_document_when_scraped_then_it_is_counted_and_the_others_are_there() -> None:
    converter = Converter(Rules())
    for line in (document(CREATED, UsersCreated=1), document(CREATED), "REPORT RequestId: 1"):
        converter.add(line)
    read = next(family for family in converter.collect() if family.name == "emf_exporter_documents")
    assert {sample.labels["outcome"]: sample.value for sample in read.samples} == {"read": 1, "malformed": 1}
