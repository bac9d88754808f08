"""Which version of something a request is about: ETag, If-Match, If-None-Match (RFC 9110, 8.8.3 and 13.1)."""

import re
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Header

_TAG = r'(?:W/)?"[!#-~\x80-\uffff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_VERSION = re.compile(r"[1-9][0-9]{0,15}")


class MalformedTagsError(ValueError):
    """If-Match is neither * nor a list of entity tags."""

    def __init__(self) -> None:
        super().__init__(
            'Send If-Match as it came in ETag, with its quotes, such as "3"; several with commas between.'
        )


def etag(version: int) -> str:
    """Return the ETag of a version: a strong one, for the same version is the same in every byte."""
    return f'"{version}"'


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """Return the versions that the client accepts, which are none where its tags are not ours; None for all.

    A weak tag never matches (strong comparison): a proxy that weakens tags has changed the bytes.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if not _TAGS.fullmatch(if_match):
        raise MalformedTagsError
    return frozenset(int(tag) for tag in _opaque(if_match, weak=False) if _VERSION.fullmatch(tag))


async def _of_request(
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag of what is to be changed: 412 if it has another one now. * is any version.",
            examples=['"3"'],
        ),
    ] = None,
) -> frozenset[int] | None:
    return expected_versions(if_match)


ExpectedVersions = Annotated[frozenset[int] | None, Depends(_of_request)]

IfNoneMatch = Annotated[
    str | None,
    Header(description="The ETag of what the client has: 304 if it is still the same.", examples=['"3"']),
]


def is_known(version: int, if_none_match: str | None) -> bool:
    """Whether the client has this version (weak comparison). A header that is malformed says nothing."""
    tags = if_none_match or ""
    return tags.strip() == "*" or (
        _TAGS.fullmatch(tags) is not None and str(version) in _opaque(tags, weak=True)
    )


def _opaque(tags: str, *, weak: bool) -> Iterator[str]:
    """Yield what stands between the quotes of each tag, of weak ones only where they count."""
    for tag in re.findall(_TAG, tags):
        if weak or not tag.startswith("W/"):
            yield tag.removeprefix("W/").strip('"')
