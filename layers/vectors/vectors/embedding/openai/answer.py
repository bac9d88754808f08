"""An answer of `/embeddings`, taken only if it says what it has to."""

import math
import re
from typing import Any

import httpx

from vectors.embedding.vector import Vector
from vectors.errors import UnavailableError
from vectors.settings import settings


class TextsRefusedError(Exception):
    """The provider does not take these texts together, of which each alone may be good."""


def vectors_of(answer: httpx.Response, texts: int) -> list[Vector]:
    """Return the vectors of an answer as unit vectors, in the order of the texts.

    TextsRefusedError if one has no direction, UnavailableError if anything else is wrong.
    """
    try:
        data = answer.json()["data"]
        found = {each.get("index", place): _floats(each["embedding"]) for place, each in enumerate(data)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnavailableError("The embedding provider's answer is not one of /embeddings.") from error
    if len(data) != texts or found.keys() != set(range(texts)):
        said = f"The embedding provider answers {len(data)} vectors to {texts} texts, or not one for each."
        raise UnavailableError(said)
    return [_unit(found[place]) for place in range(texts)]


def status(answer: httpx.Response) -> str:
    """Return status and code of an error, and not the message: that may repeat a text, which is personal."""
    try:
        error = answer.json()["error"]
        code = str(error.get("code") or error.get("type") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        code = ""
    named = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{1,60}", code)
    return f"HTTP {answer.status_code}" + (f" ({code})" if named else "")


def _floats(embedding: Any) -> Vector:
    return [math.nan if number is None else float(number) for number in embedding]


def _unit(vector: Vector) -> Vector:
    wanted = settings().embedding_dimension
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0:  # Ollama's, empty, to some batches
        raise TextsRefusedError("The embedding provider answers a vector without a direction")
    if len(vector) != wanted:
        raise UnavailableError(
            f"The embedding provider's vectors have {len(vector)} dimensions, EmbeddingDimension is {wanted}."
        )
    return [number / length for number in vector]
