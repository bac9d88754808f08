"""A person as the texts that are embedded.

An embedding is the mean of all that a text says, so one fact of a long profile is lost in it, and what comes
after 512 tokens is not read at all. So a long profile is embedded whole and in pieces of a few sentences,
each after the name. A short one stays one text: pieces of it would say less than the whole.
"""

import re
from collections.abc import Iterator

_LONG = 400  # characters of a profile that is cut into pieces
_PIECE = 150  # characters of a piece
_CHARACTERS = 2_000  # of a profile that are cut: the longest that the API takes

# After a sentence's end and what closes it; Chinese and Japanese put no blank there.
_ENDS = re.compile(r"(?<=[.!?…।॥؟۔։።჻])[\"'”’»)\]]*\s+|(?<=[。！？｡])[」』）”]*\s*|\n+")


def pieces(name: str, profile: str) -> list[str]:
    """Return the texts that say who somebody is: the whole, and of a long profile its pieces."""
    whole = f"{name}. {profile}".strip()
    if len(profile) <= _LONG:
        return [whole]
    return [whole, *(f"{name}. {piece}" for piece in _cut(profile[:_CHARACTERS]))]


def _cut(profile: str) -> list[str]:
    """Return a profile in pieces of whole sentences, as far as they are short enough."""
    found: list[str] = []
    room = 0
    for sentence in _sentences(profile):
        if len(sentence) > room:
            found.append("")
            room = _PIECE
        found[-1] += sentence
        room -= len(sentence)
    return [piece.strip() for piece in found if piece.strip()]


def _sentences(profile: str) -> Iterator[str]:
    """Yield sentences, those longer than a piece cut at blanks, and at any character where there are none."""
    start = 0
    for end in (*(match.end() for match in _ENDS.finditer(profile)), len(profile)):
        while end - start > _PIECE:
            blank = profile.rfind(" ", start + 1, start + _PIECE)
            cut = blank + 1 if blank > start else start + _PIECE
            yield profile[start:cut]
            start = cut
        yield profile[start:end]
        start = end
