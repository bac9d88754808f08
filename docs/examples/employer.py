"""Step `employer`: whose address it is, so that colleagues can be told from others."""

from collections.abc import Sequence

from vectors.steps.step import Addition, Failed, MillisLeft, Person

PERSONAL = {"mail.example", "post.example"}


def employer(people: Sequence[Person], _: MillisLeft) -> list[Addition | Failed]:
    """Add the domain of each address, unless anybody can have one there."""
    return [_outcome(person.email.rpartition("@")[2].lower()) for person in people]


def _outcome(domain: str) -> Addition | Failed:
    if domain.endswith(".invalid"):
        return Failed("the address is of no domain that there is")
    return Addition({} if domain in PERSONAL else {"employer": domain})
