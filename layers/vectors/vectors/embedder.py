"""Text to embedding, with a model that is loaded once per execution environment."""

from collections.abc import Sequence
from functools import cache

from fastembed import TextEmbedding

from vectors.settings import settings

Vector = list[float]

_BATCH_SIZE = 32  # fastest for short texts, and it bounds the memory that long ones take


def embed(texts: Sequence[str]) -> list[Vector]:
    """Return one unit vector of EMBEDDING_DIMENSION floats per text, in the order of the texts."""
    return [vector.tolist() for vector in _model().embed(list(texts), batch_size=_BATCH_SIZE)]


@cache
def _model() -> TextEmbedding:
    # One thread: Lambda's CPU share is about one, and more threads make latency unsteady.
    return TextEmbedding(settings().embedding_model, specific_model_path=settings().model_folder, threads=1)
