"""Texts to vectors, in batches: what a batch is refused for is looked for in its halves."""

import time
from collections.abc import Callable, Iterator, Sequence

from vectors.embedding.openai.answer import TextsRefusedError
from vectors.embedding.openai.request import ask, own_key
from vectors.embedding.vector import Refused, Vector
from vectors.errors import UnavailableError
from vectors.settings import settings

_BYTES = 256 * 1024  # of a batch's texts, whatever their number
_KEPT_SECONDS = 15  # of the invocation, for what is done with the vectors
_ASKED_SECONDS = 8  # where nobody says how long: a person waits
_PLAIN_TEXT = "hello"  # of which every model has a vector


def embed(
    texts: Sequence[str], input_type: str, millis_left: Callable[[], int] | None = None
) -> list[Vector | Refused]:
    """Return one unit vector per text, in their order, or why there will never be one.

    UnavailableError if the provider does not answer as it should, or wants a key, a model or a dimension that
    the settings do not name: that is no text's fault, and nothing is lost.
    """
    seconds = _ASKED_SECONDS if millis_left is None else millis_left() / 1000 - _KEPT_SECONDS
    deadline = time.monotonic() + seconds
    return [
        vector
        for batch in batches(texts, settings().embedding_batch_size)
        for vector in _embed(batch, input_type, deadline)
    ]


def batches(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    """Yield texts in their order, `size` at once, and fewer if they are long."""
    batch: list[str] = []
    length = 0
    for text in texts:
        more = len(text.encode())
        if batch and (len(batch) == size or length + more > _BYTES):
            yield batch
            batch, length = [], 0
        batch.append(text)
        length += more
    if batch:
        yield batch


def open_client() -> None:
    """Read the key, before any text could be blamed for a secret that cannot be read; UnavailableError."""
    own_key()


def _embed(texts: Sequence[str], input_type: str, deadline: float) -> list[Vector | Refused]:
    try:
        return list(ask(texts, input_type, deadline))
    except TextsRefusedError as error:
        if len(texts) == 1:
            _check_that_another_is_taken(input_type, deadline, error)
            return [Refused(str(error))]
        half = len(texts) // 2
        return [*_embed(texts[:half], input_type, deadline), *_embed(texts[half:], input_type, deadline)]


def _check_that_another_is_taken(input_type: str, deadline: float, refusal: TextsRefusedError) -> None:
    """Raise UnavailableError if no text is: then it is the settings that are wrong."""
    try:
        ask([_PLAIN_TEXT], input_type, deadline)
    except TextsRefusedError as error:
        said = (
            f"{error}, whatever the text. Check EmbeddingModel, EmbeddingSendDimension and the input types."
        )
        raise UnavailableError(said) from refusal
