"""Text to embedding: unit vectors of EMBEDDING_DIMENSION floats, by the provider that the settings name."""

from collections.abc import Callable, Sequence

from vectors.embedding.vector import Refused, Vector


def embed_query(text: str) -> Vector:
    """Return the vector of what is searched for."""
    from vectors.embedding.local import embed

    [vector] = embed([text])
    return vector


def embed_passages(
    texts: Sequence[str], millis_left: Callable[[], int] | None = None
) -> list[Vector | Refused]:
    """Return the vectors of what is found, in the order of the texts.

    `millis_left` bounds how long a provider that does not answer is asked again.
    """
    from vectors.embedding.local import embed

    return list(embed(texts))


def open_embedder() -> None:
    """Load what embedding needs, once per execution environment."""
    from vectors.embedding.local import open_model

    open_model()
