"""The list of steps, and how a batch goes through it."""

from collections.abc import Sequence

from vectors.spans import taking_step
from vectors.steps.embedding import embedding
from vectors.steps.step import Addition, Failed, MillisLeft, Person, Step
from vectors.steps.topics import topics

STEPS: tuple[Step, ...] = (embedding, topics)


def run(
    people: Sequence[Person], millis_left: MillisLeft, steps: Sequence[Step] = STEPS
) -> list[Person | Failed]:
    """Let each step add to the people that the steps before it could take; return them in their order.

    A step that fails for one leaves `Failed` in that one's place, with the step's name. Raises what a step
    raises, and ValueError if it has not one outcome for each.
    """
    outcomes: list[Person | Failed] = list(people)
    for step in steps:
        places = [place for place, each in enumerate(outcomes) if isinstance(each, Person)]
        batch = [each for each in outcomes if isinstance(each, Person)]
        added: Sequence[Addition | Failed] = []
        if batch:
            with taking_step(_name(step), len(batch)):
                added = step(batch, millis_left)
        if len(added) != len(batch):
            raise ValueError(f"Step {_name(step)} has {len(added)} outcomes for {len(batch)} people.")
        for place, person, addition in zip(places, batch, added, strict=True):
            outcomes[place] = (
                Failed(f"step {_name(step)}: {addition.why}")
                if isinstance(addition, Failed)
                else person._replace(
                    vectors=[*person.vectors, *addition.vectors],
                    added={**person.added, **addition.fields},
                )
            )
    return outcomes


def _name(step: Step) -> str:
    return getattr(step, "__name__", repr(step))
