"""Step `embedding`: the vectors of the texts that say who a user is."""

from collections.abc import Sequence
from itertools import islice

from vectors.embedding import embed_passages
from vectors.embedding.vector import Refused, Vector
from vectors.steps.step import Addition, Failed, MillisLeft, Person
from vectors.text.pieces import pieces


def embedding(people: Sequence[Person], millis_left: MillisLeft) -> list[Addition | Failed]:
    """Embed everybody in one call; UnavailableError if the provider does not answer."""
    texts = [pieces(person.name, person.profile) for person in people]
    embedded = iter(embed_passages([text for of_one in texts for text in of_one], millis_left))
    return [_added(list(islice(embedded, len(of_one)))) for of_one in texts]


def _added(vectors: Sequence[Vector | Refused]) -> Addition | Failed:
    for vector in vectors:
        if isinstance(vector, Refused):
            return Failed(vector.why)
    return Addition(vectors=[vector for vector in vectors if not isinstance(vector, Refused)])
