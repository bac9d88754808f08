"""What an endpoint takes as its body: in which form, how large, and how many tokens of the rate it costs."""

from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

JSON = ("application/json", "*/*+json")


async def _one(request: Request) -> int:
    return 1


class Body(NamedTuple):
    """The body of an app's requests. `tokens` says how many tokens a request costs."""

    media_types: tuple[str, ...] = JSON  # where * stands for anything; the first one is what is asked for
    max_kib: int = 64
    tokens: Callable[[Request], Awaitable[int]] = _one

    def refusal(self, body: bytes, content_type: str | None) -> HTTPException | None:
        """Return why a body is none that the endpoint takes; None if it may be read."""
        if len(body) > self.max_kib * 1024:
            return HTTPException(413, f"The body is larger than {self.max_kib} KiB.")
        if body and not any(fnmatchcase(media_type(content_type), each) for each in self.media_types):
            named = " or ".join(each for each in self.media_types if "*" not in each)
            return HTTPException(415, f"Send the body with the header Content-Type: {named}.")
        if not _is_utf8(body):
            return HTTPException(400)
        return None


def media_type(content_type: str | None) -> str:
    """Return the media type that a Content-Type header names; JSON's if there is no header."""
    return (content_type or JSON[0]).partition(";")[0].strip().lower()


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
