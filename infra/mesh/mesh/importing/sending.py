"""POST /users/import, until each entry has its outcome: what is asked to wait waits."""

from collections.abc import Sequence
from time import sleep
from typing import Any, NamedTuple

import httpx

from mesh.errors import MeshError
from mesh.importing.entries import Entry

MOST_ENTRIES = 100
MOST_BYTES = 1024 * 1024
_PATIENCE_SECONDS = 300  # without an outcome
_PAUSE_SECONDS = 1.0  # where the answer names none
_TIMEOUT_SECONDS = 60
_LATER = (429, 502, 503, 504)


class Outcome(NamedTuple):
    """What became of an entry: nothing is wrong with one that was created."""

    entry: Entry
    problems: list[dict[str, str]]
    tenant: str | None  # of a created user


class Api:
    """Where users are sent to, and as whom."""

    def __init__(self, url: str, authorization: str, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": authorization, "Content-Type": "application/x-ndjson"},
            timeout=_TIMEOUT_SECONDS,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, key: str, entries: Sequence[Entry]) -> list[Outcome]:
        """Return the outcome of each entry, in order; sent again with the same key, it is the same.

        Waits as the API asks for. MeshError if that takes minutes, or it refuses the request.
        """
        body = b"\n".join(entry.json for entry in entries)
        waited = 0.0
        while True:
            answer = self._post(key, body)
            if isinstance(answer, httpx.Response) and answer.status_code == 200:
                outcomes = answer.json()["outcomes"]
                if not any(outcome["status"] == "unavailable" for outcome in outcomes):
                    return [_outcome(*each) for each in zip(entries, outcomes, strict=True)]
            elif isinstance(answer, httpx.Response) and answer.status_code not in _LATER:
                raise MeshError(_refusal(answer))
            if waited >= _PATIENCE_SECONDS:
                raise MeshError(f"The API has not taken any user for {waited:.0f} s: {_why(answer)}. {AGAIN}")
            seconds = _asked_for(answer)
            sleep(seconds)
            waited += seconds

    def _post(self, key: str, body: bytes) -> httpx.Response | httpx.TransportError:
        try:
            return self._http.post("/users/import", content=body, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:  # it may have been done all the same
            return error


AGAIN = "Run it again to go on there."


def _outcome(entry: Entry, outcome: dict[str, Any]) -> Outcome:
    match outcome["status"]:
        case "created":
            return Outcome(entry, [], outcome["user"]["tenantId"])
        case "taken":
            said = "A user of the tenant has this e-mail address."
            return Outcome(entry, [{"pointer": "email", "detail": said}], None)
        case "erased":
            said = "The import has created this user before, and it has been erased since."
            return Outcome(entry, [{"pointer": "", "detail": said}], None)
        case _:
            return Outcome(entry, outcome["problems"], None)


def _asked_for(answer: httpx.Response | httpx.TransportError) -> float:
    """Return how many seconds to wait."""
    if isinstance(answer, httpx.Response) and (said := answer.headers.get("Retry-After", "")).isdecimal():
        return float(min(int(said), _PATIENCE_SECONDS))
    return _PAUSE_SECONDS


def _refusal(answer: httpx.Response) -> str:
    if answer.status_code in (401, 403):
        return f"The API does not accept the token ({answer.status_code}). With another one: {AGAIN}"
    if answer.status_code == 404:
        return f"There is no POST {answer.url.path} at {answer.url.host}: is the URL the API's?"
    return f"The API refuses the import: {_why(answer)}. {AGAIN}"


def _why(answer: httpx.Response | httpx.TransportError) -> str:
    if not isinstance(answer, httpx.Response):
        return str(answer) or type(answer).__name__
    try:
        said = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = answer.text[:200]
    return f"{answer.status_code} {said}".rstrip(". ")
