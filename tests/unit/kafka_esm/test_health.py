"""Health is good once every mapping polls."""

import urllib.error
import urllib.request

import pytest
from kafka_esm.mappings.mapping import Mapping, Target
from kafka_esm.monitoring.health import report, serve
from kafka_esm.monitoring.status import State, Status
from prometheus_client import CollectorRegistry

MAPPING = Mapping(Target("f", 3), ("h:1",), "t", "g", 100, 0.5, "TRIM_HORIZON")


def overall(*states: State) -> tuple[int, str]:
    code, body = report([(MAPPING, Status(state)) for state in states])
    return int(code), body["state"]


def test_given_every_mapping_polling_when_asked_then_it_is_200() -> None:
    assert overall("polling", "polling") == (200, "polling")


def test_given_one_mapping_connecting_when_asked_then_it_is_503() -> None:
    assert overall("polling", "connecting") == (503, "connecting")


def test_given_a_mapping_whose_partitions_others_have_when_asked_then_it_is_200_standby() -> None:
    assert overall("standby", "standby") == (200, "standby")
    assert overall("standby", "polling") == (200, "polling")
    assert overall("standby", "connecting") == (503, "connecting")


def test_given_a_stop_when_asked_then_it_is_503() -> None:
    assert overall("draining", "polling") == (503, "draining")


def test_given_a_mapping_when_asked_then_its_details_are_there() -> None:
    status = Status("polling", {"t-0": 3, "t-1": None}, 1, 2, "boom", {"t-1": "why"})
    assert report([(MAPPING, status)])[1]["mappings"] == [
        {
            "state": "polling",
            "function": "f",
            "topic": "t",
            "group": "g",
            "lag": {"t-0": 3, "t-1": None},
            "in_flight": 1,
            "retries": 2,
            "last_error": "boom",
            "stopped": {"t-1": "why"},
        }
    ]


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code


@pytest.mark.parametrize(
    ("state", "alive", "livez", "readyz"),
    [("polling", True, 200, 200), ("connecting", True, 200, 503), ("polling", False, 503, 200)],
)
def test_given_a_hanging_loop_or_a_broker_that_is_gone_when_asked_then_only_the_first_wants_a_restart(
    state: State, alive: bool, livez: int, readyz: int
) -> None:
    registry = CollectorRegistry()
    with serve("127.0.0.1", 0, lambda: [(MAPPING, Status(state))], lambda: alive, registry) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        assert {path: status_of(f"{address}/{path}") for path in ("livez", "readyz", "healthz")} == {
            "livez": livez,
            "readyz": readyz,
            "healthz": readyz,
        }
        server.shutdown()
