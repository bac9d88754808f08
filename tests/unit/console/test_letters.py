"""Dead letters, as the page asks for them."""

from typing import Any

import pytest
from mesh.console.letters import Letters
from mesh.errors import MeshError

from tests.unit.console.fakes import FakeErrands, page


@pytest.mark.parametrize(
    ("body", "places"),
    [({"all": True}, None), ({"places": ["0:17"]}, ["0:17"]), ({"places": ["0:1", "5:2"]}, ["0:1", "5:2"])],
)
def test_given_a_choice_when_replayed_then_those_are_sent(body: Any, places: list[str] | None) -> None:
    errands = FakeErrands(replay=2)
    answer = page(Letters(errands)).post("/api/letters/replay", json=body)
    assert (answer.status_code, answer.json()) == (200, {"replayed": 2})
    assert errands.asked == [("replay", {"places": places})]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"all": false}',
        b'{"all": true, "places": ["0:1"]}',
        b'{"places": []}',
        b'{"places": ["--all"]}',
        b'{"places": [1]}',
        b'{"places": "0:1"}',
        b"\xff",
    ],
)
def test_given_no_choice_when_replayed_then_nothing_is_sent_and_it_says_what_is_one(body: bytes) -> None:
    errands = FakeErrands()
    answer = page(Letters(errands)).post("/api/letters/replay", content=body)
    assert answer.status_code == 400
    assert "places" in answer.json()["message"]
    assert errands.asked == []


def test_given_kafka_is_away_when_listed_then_it_says_so() -> None:
    answer = page(Letters(FakeErrands(letters=MeshError("Kafka does not answer.")))).get("/api/letters")
    assert (answer.status_code, answer.json()) == (503, {"message": "Kafka does not answer."})
