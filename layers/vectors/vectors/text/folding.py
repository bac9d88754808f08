"""One spelling for what people take for the same: case, accents, Unicode forms, apostrophes, hyphens."""

import re
import unicodedata
from functools import cache

# Letters that no Unicode form takes apart, or only to what nobody types.
_LETTERS = {
    **dict(zip("łøđðħıŋŧəɓɗƙ", ("l", "o", "d", "d", "h", "i", "n", "t", "e", "b", "d", "k"), strict=True)),
    **{"æ": "ae", "œ": "oe", "þ": "th", "ß": "ss"},
    **dict(
        zip("یکىةۀہھ", ("ي", "ك", "ي", "ه", "ه", "ه", "ه"), strict=True)
    ),  # of Persian and Urdu, as in Arabic
    **{chr(sign): chr(sign - 0x60) for sign in range(0x30A1, 0x30F7)},  # katakana as hiragana
}
_APOSTROPHES = "'’‘ʼʻʹ′´`＇‛ʽ՚׳"
_HYPHENS = "-‐‑‒–—―−﹣－_⁃־"
_NOTHING = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u0640"  # soft hyphen, what has no width, the Arabic stretch
_SIGNS = str.maketrans(
    {
        **_LETTERS,
        **dict.fromkeys(_APOSTROPHES, "'"),
        **dict.fromkeys(_HYPHENS, "-"),
        **dict.fromkeys(_NOTHING, None),
    }
)
# Accents, points and vowel signs that people leave out; those of Indic and other scripts are letters to them.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]+"
)
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def fold(text: str) -> str:
    """Return a text as it is compared; folded again, it stays as it is."""
    if text.isascii():
        return text.lower().translate(_ascii())
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    folded = _ACCENTS.sub("", unicodedata.normalize("NFKD", bare.casefold().translate(_SIGNS)))
    return unicodedata.normalize("NFC", folded.translate(_SIGNS))


def spelled_out(text: str) -> str:
    """Return a text folded with the umlauts and their like as two letters: Müller as mueller."""
    return fold(unicodedata.normalize("NFC", text).casefold().translate(_SPELLED))


@cache
def _ascii() -> dict[int, int]:
    return str.maketrans("`_", "'-")
