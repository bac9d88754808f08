"""Step `embedding`: the vectors of who a user is, in a sentence."""

from collections.abc import Sequence

from vectors.embedding import embed_passages
from vectors.embedding.vector import Refused
from vectors.steps.step import Addition, Failed, MillisLeft, Person


def embedding(people: Sequence[Person], millis_left: MillisLeft) -> list[Addition | Failed]:
    """Embed everybody in one call; UnavailableError if the provider does not answer."""
    vectors = embed_passages([text(person) for person in people], millis_left)
    return [
        Failed(vector.why) if isinstance(vector, Refused) else Addition(vectors=[vector])
        for vector in vectors
    ]


def text(person: Person) -> str:
    """Return what is embedded."""
    return f"{person.name}. {person.profile}".strip()
