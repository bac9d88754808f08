"""Step `topics`: which of a list of labels is nearest to what a user is."""

import os
from collections.abc import Sequence
from functools import cache
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Json, StringConstraints

from vectors.collection import TOPICS_FIELD
from vectors.embedding import embed_passages
from vectors.embedding.vector import Refused
from vectors.errors import LabelRefusedError
from vectors.steps.step import Addition, MillisLeft, Person


def _split(text: str) -> list[str]:
    return text.split(",") if text else []


def _unlike(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(labels)) < len(labels):
        raise ValueError("a label is there twice")
    return labels


Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Labels = Annotated[tuple[Label, ...], Field(max_length=100), AfterValidator(_unlike)]


class TopicSettings(BaseModel):
    """Which labels there are, from how near on, and the tenants that have labels of their own."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    topic_labels: Annotated[Labels, BeforeValidator(_split)]
    topic_label_overrides: Json[dict[str, Labels]]
    topic_min_score: float = Field(ge=-1, le=1)

    def labels(self, tenant_id: str) -> Labels:
        """Return the labels of a tenant's users."""
        return self.topic_label_overrides.get(tenant_id, self.topic_labels)


@cache
def topic_settings() -> TopicSettings:
    """Return the settings; pydantic's ValidationError names the variable that is missing or wrong."""
    return TopicSettings.model_validate(dict(os.environ))


_embedded: dict[Labels, NDArray[np.float64]] = {}  # once per execution environment


def topics(people: Sequence[Person], millis_left: MillisLeft) -> list[Addition]:
    """Add to each the label nearest to the profile as a whole, if it is near enough; none without labels.

    UnavailableError if the provider does not embed the labels now, LabelRefusedError if it never will.
    """
    return [Addition({TOPICS_FIELD: _nearest(person, millis_left)}) for person in people]


def _nearest(person: Person, millis_left: MillisLeft) -> list[str]:
    settings = topic_settings()
    labels = settings.labels(person.tenant_id)
    if not labels:
        return []
    similarities = _embed(labels, millis_left) @ np.asarray(person.vectors[0])
    best = int(similarities.argmax())
    return [labels[best]] if similarities[best] >= settings.topic_min_score else []


def _embed(labels: Labels, millis_left: MillisLeft) -> NDArray[np.float64]:
    if labels not in _embedded:
        vectors = embed_passages(labels, millis_left)
        for label, vector in zip(labels, vectors, strict=True):
            if isinstance(vector, Refused):
                raise LabelRefusedError(f"The label {label!r} cannot be embedded: {vector.why}")
        _embedded[labels] = np.array(vectors)
    return _embedded[labels]
