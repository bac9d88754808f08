"""The way to Qdrant: its client, and what its failures mean."""

import json
import re
from collections.abc import Generator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from vectors.api_key import api_key
from vectors.errors import UnavailableError
from vectors.qdrant import (
    ApiException,
    QdrantClient,
    QdrantException,
    ResourceExhaustedResponse,
    ResponseHandlingException,
    UnexpectedResponse,
)
from vectors.settings import Settings

_KEY_HEADER = "api-key"
_TIMEOUT_SECONDS = 5
_LONGEST_WAIT_SECONDS = 300

# What qdrant-client raises for any answer or none; the last three are for a 200 without JSON, or a result.
FAILURES = (
    ApiException,
    QdrantException,
    httpx.HTTPError,
    json.JSONDecodeError,
    UnicodeDecodeError,
    AssertionError,
)


def connect(settings: Settings) -> QdrantClient:
    """Return a client of the Qdrant that the settings name; nothing is sent or read yet."""
    arn = settings.qdrant_secret_arn
    return QdrantClient(
        url=settings.qdrant_url,
        auth=_KeyOfSecret(arn) if arn else None,
        timeout=_TIMEOUT_SECONDS,
        check_compatibility=False,
        limits=httpx.Limits(),  # qdrant-client turns keep-alive off for localhost
        event_hooks={"response": [_wait_in_seconds]},
    )


class _KeyOfSecret(httpx.Auth):
    """Qdrant's API key, of a secret. A key that is refused is read again: it may have been changed."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        key = self._key()
        request.headers[_KEY_HEADER] = key
        answer = yield request
        if answer.status_code in (401, 403) and (new := self._key(anew=True)) != key:
            request.headers[_KEY_HEADER] = new
            yield request

    def _key(self, *, anew: bool = False) -> str:
        return api_key(self._arn, "QdrantSecretArn", anew=anew)


def unavailable(error: Exception, said: str) -> UnavailableError:
    """Return the error to raise for one of FAILURES, with the wait that Qdrant asks for, if it does."""
    match error:
        case ResponseHandlingException(source=UnavailableError() as of_secret):
            return of_secret
        case ResourceExhaustedResponse():
            return UnavailableError(said, error.retry_after_s)
        case UnexpectedResponse():
            return UnavailableError(said, retry_after(error.headers.get("Retry-After", "")))
    return UnavailableError(said)


def retry_after(text: str) -> int | None:
    """Return the seconds in a Retry-After (RFC 9110, 10.2.3), within bounds; None if it says none."""
    if re.fullmatch("[0-9]+", text, re.ASCII):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return int(min(max(seconds, 1), _LONGEST_WAIT_SECONDS))


def _wait_in_seconds(response: httpx.Response) -> None:
    """Have Retry-After as qdrant-client takes it: in seconds, or not there."""
    wait = retry_after(response.headers.pop("Retry-After", ""))
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
