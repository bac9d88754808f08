"""Errands, and the process that runs them."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from mesh.console import worker
from mesh.console.errands import Errands
from mesh.errors import MeshError
from mesh.kafka import dead_letters
from mesh.kafka.dead_letters import Choice, Letter, Topic
from mesh.state import State
from users.events import Record

Sent = tuple[list[str], Choice | None]

TOPIC = Topic("user.events.dlq", {})
# Answers each line with how many it has had, and its pid; ends, or says nothing, where it is asked to.
PROGRAM = """
import json, os, sys, time
for number, line in enumerate(sys.stdin, 1):
    do = json.loads(line)["do"]
    if do == "die":
        sys.exit(1)
    if do == "sleep":
        time.sleep(60)
    answer = {"error": "Do this."} if do == "fail" else {"result": [number, os.getpid()]}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "told_what_to_do.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "told_what_to_do"


def test_given_errands_when_run_then_one_process_does_them_one_after_the_other(module: str) -> None:
    async def work() -> list[list[int]]:
        errands = Errands(module)
        try:
            return list(await asyncio.gather(*(errands.run("count") for _ in range(5))))
        finally:
            await errands.close()

    answers = asyncio.run(work())
    assert [number for number, _ in answers] == [1, 2, 3, 4, 5]
    assert len({pid for _, pid in answers}) == 1


@pytest.mark.parametrize(
    ("errand", "said"),
    [("fail", "Do this"), ("die", "mesh logs console"), ("sleep", "No answer within 1 s")],
)
def test_given_an_errand_that_fails_when_run_then_it_says_so_and_the_next_is_run(
    module: str, errand: str, said: str
) -> None:
    async def work() -> None:
        errands = Errands(module, seconds=1)
        try:
            with pytest.raises(MeshError, match=said):
                await errands.run(errand)
            assert len(await errands.run("count")) == 2
        finally:
            await errands.close()

    asyncio.run(work())


def test_given_nothing_to_do_when_waited_then_the_process_ends_and_another_comes(module: str) -> None:
    async def work() -> None:
        errands = Errands(module, idle_seconds=0)
        [_, first] = await errands.run("count")
        while errands._process is not None:
            await asyncio.sleep(0.001)
        [number, second] = await errands.run("count")
        await errands.close()
        assert number == 1
        assert second != first

    asyncio.run(work())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """What is sent again, of a topic with four dead letters: one was replayed, one says not where it was."""
    raised: list[Sent] = []
    notes = {"topic": "user.events", "reason": "not-json", "time": "2026-12-01T08:00:00Z"}
    record = Record(b"acme:1", b"\xff{\x1b[2J\n\xe2\x80\xae", [("a", b"1"), ("a", b"2")])
    topic = [
        Letter(0, 1, record, notes, replayed=False),
        Letter(0, 2, record, {**notes, "time": "2026-12-01T09:00:00Z"}, replayed=True),
        Letter(1, 0, Record(None, None, []), {}, replayed=False),
        Letter(1, 1, record, notes, replayed=False),
    ]

    def replay(topic: Topic, letters: list[Letter], remember_as: Choice | None = None) -> Iterator[Letter]:
        raised.append(([letter.place for letter in letters], remember_as))
        return iter(letters)

    monkeypatch.setattr(worker, "load_running", State)
    monkeypatch.setattr(worker, "lock", nullcontext)
    monkeypatch.setattr(dead_letters, "topic_of", lambda _: TOPIC)
    monkeypatch.setattr(dead_letters, "read", lambda _: topic)
    monkeypatch.setattr(dead_letters, "replay", replay)
    return raised


def ask(**errand: Any) -> Any:
    return json.loads(worker.answer(json.dumps(errand)))


def test_given_dead_letters_when_listed_then_any_record_is_text_the_newest_first(sent: object) -> None:
    rows = ask(do="letters")["result"]
    assert [row["place"] for row in rows] == ["0:2", "0:1", "1:1", "1:0"]
    assert rows[1]["value"] == "\\xff{\\x1b[2J\n\\u202e"
    assert rows[1]["headers"] == [["a", "1"], ["a", "2"]]
    assert (rows[1]["reason"], rows[1]["replayed"], rows[1]["replayable"]) == ("not-json", False, True)
    assert (rows[3]["key"], rows[3]["value"], rows[3]["replayable"]) == (None, None, False)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (["1:1"], (["1:1"], None)),
        (["0:2", "0:1"], (["0:2", "0:1"], None)),
        (None, (["0:1", "1:1"], Choice())),
    ],
)
def test_given_a_choice_when_replayed_then_those_are_sent_and_only_all_is_remembered(
    sent: list[Any], places: list[str] | None, expected: tuple[list[str], Choice | None]
) -> None:
    assert ask(do="replay", places=places) == {"result": len(expected[0])}
    assert sent == [expected]


def test_given_a_place_where_nothing_is_when_replayed_then_that_is_said(sent: list[Any]) -> None:
    assert "no dead letter at 9:9" in ask(do="replay", places=["9:9"])["error"]
    assert sent == []


def test_given_an_error_of_our_own_when_run_then_the_process_ends_with_its_trace() -> None:
    with pytest.raises(KeyError):
        worker.answer('{"do": "something else"}')
