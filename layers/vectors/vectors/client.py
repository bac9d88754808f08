"""The way to Qdrant: its client, and what its failures mean."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from vectors.errors import UnavailableError
from vectors.settings import Settings

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
    """Return a client of the Qdrant that the settings name; nothing is sent yet."""
    return QdrantClient(
        url=settings.qdrant_url,
        api_key=settings.qdrant_api_key,
        timeout=_TIMEOUT_SECONDS,
        check_compatibility=False,
        limits=httpx.Limits(),  # qdrant-client turns keep-alive off for localhost
        event_hooks={"response": [_wait_in_seconds]},
    )


def unavailable(error: Exception, said: str) -> UnavailableError:
    """Return the error to raise for one of FAILURES, with the wait that Qdrant asks for, if it does."""
    match error:
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
