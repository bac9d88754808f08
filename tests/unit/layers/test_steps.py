"""Enrichment: what steps add to the points of a batch, and what becomes of whom one cannot take."""

import re
import runpy
from collections.abc import Callable, Sequence
from importlib import import_module

import pytest
from mesh import paths
from vectors.steps.run import run
from vectors.steps.step import Addition, Failed, MillisLeft, Person

from tests import sam
from tests.unit.fakes import FakeModel

ALICE = Person("tenant-a", 1, "alice@northwind.example", "Alice", "software for hospitals")
BOB = Person("tenant-b", 2, "bob@mail.example", "Bob", "bakes bread")
CAROL = Person("tenant-a", 3, "carol@nowhere.invalid", "Carol", "")


Topics = Callable[..., list[list[str]]]


def millis_left() -> int:
    return 60_000


def initial(people: Sequence[Person], _: MillisLeft) -> list[Addition | Failed]:
    return [Addition({"initial": person.name[0]}) for person in people]


def greeting(people: Sequence[Person], _: MillisLeft) -> list[Addition | Failed]:
    return [
        Failed("is never greeted")
        if person.name == "Bob"
        else Addition({"greeting": person.added["initial"]})
        for person in people
    ]


def test_given_two_steps_when_run_then_the_second_sees_what_the_first_has_added() -> None:
    [alice] = run([ALICE], millis_left, [initial, greeting])
    assert alice == ALICE._replace(vectors=[], added={"initial": "A", "greeting": "A"})


def test_given_a_step_that_fails_for_one_when_run_then_the_others_keep_their_places_and_go_on() -> None:
    seen: list[str] = []

    def last(people: Sequence[Person], _: MillisLeft) -> list[Addition | Failed]:
        seen.extend(person.name for person in people)
        return [Addition()] * len(people)

    alice, bob, carol = run([ALICE, BOB, CAROL], millis_left, [initial, greeting, last])
    assert bob == Failed("step greeting: is never greeted")
    assert (isinstance(alice, Person), isinstance(carol, Person), seen) == (True, True, ["Alice", "Carol"])


def test_given_a_step_that_fails_for_all_when_run_then_no_later_step_is_asked() -> None:
    def refuse(people: Sequence[Person], _: MillisLeft) -> list[Addition | Failed]:
        return [Failed("no")] * len(people)

    def never(_: Sequence[Person], __: MillisLeft) -> list[Addition | Failed]:
        raise AssertionError("asked for nobody")

    assert run([ALICE, BOB], millis_left, [refuse, never]) == [Failed("step refuse: no")] * 2


def test_given_a_step_with_too_few_outcomes_when_run_then_it_is_named_and_nobody_is_mixed_up() -> None:
    def lazy(_: Sequence[Person], __: MillisLeft) -> list[Addition | Failed]:
        return [Addition()]

    with pytest.raises(ValueError, match="Step lazy has 1 outcomes for 2 people"):
        run([ALICE, BOB], millis_left, [lazy])


def test_given_a_step_that_raises_when_run_then_so_does_the_run() -> None:
    def broken(_: Sequence[Person], __: MillisLeft) -> list[Addition | Failed]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        run([ALICE], millis_left, [initial, broken])


@pytest.fixture
def topics(fresh_layers: None, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> Topics:
    """Run the steps as they are shipped, on a model that finds texts near that share words."""
    labels = {
        "TOPIC_LABELS": "software, bread",
        "TOPIC_LABEL_OVERRIDES": '{"tenant-b": ["bakes"], "tenant-c": []}',
    }
    for variable, value in {**sam.environment("enrich"), **labels}.items():
        monkeypatch.setenv(variable, value)
    module = import_module("vectors.steps.run")

    def found(*people: Person) -> list[list[str]]:
        outcomes = module.run([module.Person(*person) for person in people], millis_left)
        return [person.added["topics"] for person in outcomes]

    return found


def test_given_labels_when_run_then_each_user_has_the_nearest_of_the_tenants_own(topics: Topics) -> None:
    assert topics(ALICE, BOB) == [["software"], ["bakes"]]


def test_given_nothing_near_when_run_then_there_is_no_topic(topics: Topics) -> None:
    assert topics(CAROL) == [[]]


def test_given_a_tenant_without_labels_when_run_then_there_is_no_topic(topics: Topics) -> None:
    assert topics(BOB._replace(tenant_id="tenant-c")) == [[]]


def test_given_two_batches_when_run_then_labels_are_embedded_once(topics: Topics, model: FakeModel) -> None:
    topics(ALICE)
    topics(CAROL)
    assert sum("bread" in call for call in model.calls) == 1


@pytest.mark.parametrize("labels", ["a,a", "a,,b", "x" * 51, ",".join(map(str, range(101)))])
def test_given_labels_that_cannot_be_when_read_then_the_variable_is_named(
    labels: str, fresh_layers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {**sam.environment("enrich"), "TOPIC_LABELS": labels}.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match="TOPIC_LABELS"):
        import_module("vectors.steps.topics").topic_settings()


EXAMPLE = paths.ROOT / "docs" / "examples" / "employer.py"


def test_given_the_documents_step_when_run_after_another_then_it_does_what_the_document_says() -> None:
    alice, bob, carol = run(
        [ALICE, BOB, CAROL], millis_left, [initial, runpy.run_path(str(EXAMPLE))["employer"]]
    )
    assert alice == ALICE._replace(vectors=[], added={"initial": "A", "employer": "northwind.example"})
    assert bob == BOB._replace(vectors=[], added={"initial": "B"})
    assert carol == Failed("step employer: the address is of no domain that there is")


def test_the_document_shows_the_file_of_the_step() -> None:
    document = (paths.ROOT / "docs" / "enrichment.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    assert shown == EXAMPLE.read_text(encoding="utf-8")
