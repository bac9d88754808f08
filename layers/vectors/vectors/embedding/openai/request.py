"""A request for vectors: sent until there is an answer that counts, or the time is over."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import httpx

from vectors.api_key import api_key
from vectors.client import retry_after
from vectors.embedding.openai.answer import TextsRefusedError, status, vectors_of
from vectors.embedding.vector import Vector
from vectors.errors import UnavailableError
from vectors.settings import settings

_CONNECT_SECONDS, _ANSWER_SECONDS = 2, 30
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.25
_NOT_NOW = (408, 409, 425, 429)  # and whatever is 5xx
# For a text, or for their number or length. 500 is what Ollama answers to a text without a vector
# (ollama/ollama#9639), and llama.cpp's servers to a batch that is too long.
_OF_THE_TEXTS = (400, 413, 422, 500)
_ADVICE = {
    401: "Check the secret EmbeddingSecretArn.",
    403: "Check the secret EmbeddingSecretArn, and what its key may.",
    404: "Check EmbeddingModel, and EmbeddingUrl, which ends before /embeddings.",
}


def ask(texts: Sequence[str], input_type: str, deadline: float) -> list[Vector]:
    """Return unit vectors, in the order of the texts; `deadline` is of time.monotonic, in seconds.

    TextsRefusedError if it may be the texts, UnavailableError if it is not.
    """
    pause = _FIRST_PAUSE_SECONDS
    for left in reversed(range(_ATTEMPTS)):
        wait = None
        try:
            answer = _send(texts, input_type, deadline)
        except httpx.ReadTimeout as error:
            said = "The embedding provider takes too long"
            failed: Exception = UnavailableError(f"{said} for one text.")
            if len(texts) > 1:
                raise TextsRefusedError(f"{said} for {len(texts)} texts") from error
        except httpx.HTTPError as error:
            failed = UnavailableError(f"The embedding provider did not answer: {type(error).__name__}.")
        else:
            if answer.status_code == 200:
                return vectors_of(answer, len(texts))
            wait = retry_after(answer.headers.get("Retry-After", ""))
            failed = _failure(answer, wait)
            alone = len(texts) == 1
            if not _passes(answer.status_code) or (answer.status_code == 500 and not alone):
                raise failed
        pause = wait or pause * 2
        if not left or time.monotonic() + pause > deadline:
            break
        time.sleep(pause)
    raise failed


def own_key(*, anew: bool = False) -> str | None:
    """Return the provider's key; None for one without keys. UnavailableError if its secret cannot be read."""
    arn = settings().embedding_secret_arn
    return api_key(arn, "EmbeddingSecretArn", anew=anew) if arn else None


def _send(texts: Sequence[str], input_type: str, deadline: float) -> httpx.Response:
    """Return the answer; of a key that is refused, and has been changed, that to the new one."""
    key = own_key()
    answer = _post(texts, input_type, deadline, key)
    if key and answer.status_code in (401, 403) and (new := own_key(anew=True)) != key:
        return _post(texts, input_type, deadline, new)
    return answer


def _post(texts: Sequence[str], input_type: str, deadline: float, key: str | None) -> httpx.Response:
    left = deadline - time.monotonic()
    if left <= 0:
        raise UnavailableError("No time is left to ask the embedding provider.")
    return _client().post(
        f"{(settings().embedding_url or '').rstrip('/').removesuffix('/embeddings')}/embeddings",
        json=_body(texts, input_type),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(min(left, _ANSWER_SECONDS), connect=_CONNECT_SECONDS),
    )


def _body(texts: Sequence[str], input_type: str) -> dict[str, Any]:
    chosen = settings()
    body: dict[str, Any] = {"model": chosen.embedding_model, "input": texts, "encoding_format": "float"}
    if input_type:
        body["input_type"] = input_type
    if chosen.embedding_send_dimension:
        body["dimensions"] = chosen.embedding_dimension
    return body


def _passes(code: int) -> bool:
    return code in _NOT_NOW or code >= 500


def _failure(answer: httpx.Response, wait: int | None) -> Exception:
    said = f"The embedding provider answers {status(answer)}"
    if answer.status_code in _OF_THE_TEXTS:
        return TextsRefusedError(said)
    if _passes(answer.status_code):
        return UnavailableError(f"{said}.", wait)
    return UnavailableError(f"{said}. {_ADVICE.get(answer.status_code, 'Check EmbeddingUrl.')}")


@cache
def _client() -> httpx.Client:
    return httpx.Client()
