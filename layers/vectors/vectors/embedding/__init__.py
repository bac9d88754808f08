"""Text to embedding: unit vectors of EMBEDDING_DIMENSION floats, by the provider that the settings name.

Only what that provider needs is imported: fastembed takes half a second.
"""

from collections.abc import Callable, Sequence

from vectors.embedding.vector import Refused, Vector
from vectors.errors import QueryRefusedError
from vectors.settings import settings
from vectors.spans import embedding_texts


def embed_query(text: str) -> Vector:
    """Return the vector of what is searched for.

    QueryRefusedError if the provider does not take the text, UnavailableError if it does not answer.
    """
    chosen = settings()
    [vector] = _embed([text], chosen.embedding_query_prefix, chosen.embedding_query_input_type, None)
    if isinstance(vector, Refused):
        raise QueryRefusedError(vector.why)
    return vector


def understands(text: str) -> bool:
    """Return whether the model knows the words of a text; of another provider's, True: it does not tell."""
    if settings().embedding_provider != "local":
        return True
    from vectors.embedding import local

    return local.understands(text)


def embed_passages(
    texts: Sequence[str], millis_left: Callable[[], int] | None = None
) -> list[Vector | Refused]:
    """Return the vectors of what is found, in the order of the texts; UnavailableError.

    `millis_left` bounds how long a provider that does not answer is asked again.
    """
    chosen = settings()
    return _embed(texts, chosen.embedding_passage_prefix, chosen.embedding_passage_input_type, millis_left)


def open_embedder() -> None:
    """Load what embedding needs, once per execution environment; UnavailableError."""
    if settings().embedding_provider == "local":
        from vectors.embedding.local import open_model

        open_model()
    else:
        from vectors.embedding.openai.embed import open_client

        open_client()


def _embed(
    texts: Sequence[str], prefix: str, input_type: str, millis_left: Callable[[], int] | None
) -> list[Vector | Refused]:
    prefixed = [f"{prefix} {text}" for text in texts] if prefix else texts
    chosen = settings()
    with embedding_texts(chosen.embedding_provider, chosen.embedding_model, len(texts)):
        if chosen.embedding_provider == "local":
            from vectors.embedding import local

            return list(local.embed(prefixed))
        from vectors.embedding.openai import embed as openai

        return openai.embed(prefixed, input_type, millis_left)
