"""The words by which people are found, made here for the index and for the query alike.

A person has a set of terms, a string without blanks each. Most are words, folded. Others carry a sign that no
word has: `kow*` is how a word of the name begins; `~kowlski` is a word with one letter left out, so that
two words one edit apart have such a term in common; `=will` is a word of the name that a query passes over;
`gus@` and `@northwind` are parts of an address. What a term means is stored with people: a change here is a
new layout of the collection (`vectors.collection`), or nobody is found by it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple

from vectors.text.folding import fold, spelled_out
from vectors.text.stop_words import EVERYDAY_WORDS, STOP_WORDS

# What is read of each text, and made of it: more than the API takes, and a bound for whatever else comes.
_CHARACTERS = 4_000
_MOST_TERMS = 4_000
_LETTERS = 32  # of a word; the rest of a longer one does not count
_BEGINNING = 12  # letters of a name's word that are marked as its beginning, at most
_MISTYPED = 5  # letters that a word has at least, to be found with one of them wrong
_SPOKEN = 64  # words of a query that are read,
_WORDS = 16  # and that count
_LABELS = 6  # of a domain
_NEIGHBOURS = 3  # words that are also compared as one
_TELLING, _EVERYDAY = 2, 1  # how much a word counts

_MARKS = "".join(chr(sign) for sign in range(0x300, 0x1D00) if unicodedata.category(chr(sign))[0] == "M") + "゙゚"
_WORD = rf"[\w{_MARKS}]+"
# Words with what stands between them inside of a name or number, C++, C# and .NET.
_COMPOUND = re.compile(rf"(?:(?<!\w)\.)?{_WORD}(?:[-'./&]{_WORD})*(?:\+\+|#)?")
# Chinese, Japanese, Korean, Thai, Lao, Burmese, Khmer: words that no blank need stand between.
_HAN = "\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = rf"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\uac00-\ud7af{_HAN}"
_SEGMENT = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_SIGN = re.compile(f"[{_HAN}]")  # a word by itself
_KANA = re.compile("[\u3040-\u30ff]+")  # mostly endings and particles
_ONLY_WORDS = re.compile(_WORD)
_LETTERS_AND_DIGITS = re.compile(r"(?<=[^\W\d]{2})(?=\d{2})|(?<=\d{2})(?=[^\W\d]{2})")


class Word(NamedTuple):
    """A word of a query: the term that is written, all of somebody who has it, and of who has it nearly."""

    text: str
    exact: frozenset[str]
    near: frozenset[str]

    @property
    def weight(self) -> int:
        """How much the word counts beside others."""
        return _EVERYDAY if self.text in EVERYDAY_WORDS else _TELLING


class Words(NamedTuple):
    """The words of a query: those that count, and the terms of passed-over ones that a name may have."""

    counted: tuple[Word, ...]
    names: tuple[str, ...]

    def as_written(self) -> "Words":
        """Return the same without what is nearly a word."""
        return self._replace(counted=tuple(word._replace(near=word.exact) for word in self.counted))


class Terms(NamedTuple):
    """The terms of a person, by field."""

    name: frozenset[str]
    email: frozenset[str]
    profile: frozenset[str]

    def all(self) -> list[str]:
        """Return the terms of all fields, each once; of too many, those that are made of the words last."""
        together = sorted(self.name | self.email | self.profile)
        if len(together) > _MOST_TERMS:
            together.sort(key=lambda term: term[0] == "~")
        return together[:_MOST_TERMS]


def terms_of(name: str, email: str, profile: str) -> Terms:
    """Return the terms that a person is found by."""
    return Terms(
        frozenset(term for spelling in _spellings(name) for term in _name(spelling)),
        frozenset(_address(fold(email[:_CHARACTERS])[:_CHARACTERS])),
        frozenset(term for spelling in _spellings(profile) for term in _prose(spelling)),
    )


def words_of(query: str) -> Words:
    """Return what a query asks for: its words without stop words; of nothing else, names that are such."""
    spellings = [_spoken(spelling) for spelling in _spellings(query)]
    both = len(spellings) == 2 and len(spellings[0]) == len(spellings[1])
    spoken = [_either(*same) for same in zip(*spellings, strict=True)] if both else spellings[0]
    telling = [word for text, word in spoken if not _is_stop(text)]
    names = [f"={text}" for text, _ in spoken if _is_stop(text)]
    if not telling:  # of a name, or written as one (AT&T): in a profile they say as little as in the query
        forms = [(f"={text}", word.exact - {text} | {f"={text}"}) for text, word in spoken]
        return Words(tuple(_distinct(Word(text, each, each) for text, each in forms)), ())
    return Words(tuple(_distinct(telling)), tuple(dict.fromkeys(names))[:_WORDS])


def _distinct(words: Iterable[Word]) -> list[Word]:
    return list(dict.fromkeys(words))[:_WORDS]


def _spellings(text: str) -> list[str]:
    """Return a text folded, and with umlauts as two letters if that is something else."""
    text = text[:_CHARACTERS]
    one = fold(text)[:_CHARACTERS]
    other = one if text.isascii() else spelled_out(text)[:_CHARACTERS]
    return [one] if other == one else [one, other]


def _compounds(folded: str) -> Iterator[tuple[str, list[str]]]:
    """Yield what stands together in a text, with its sign if it has one, and its words."""
    for match in _COMPOUND.finditer(folded):
        if match[0].isascii() and match[0].isalpha():  # nearly all words are, and this is the quick way
            yield "", [match[0][:_LETTERS]]
            continue
        words = [
            part[:_LETTERS]
            for word in _ONLY_WORDS.findall(match[0])
            for segment in _SEGMENT.findall(word)
            for part in _LETTERS_AND_DIGITS.split(segment)
            if not _is_unspaced(segment)
        ]
        runs = [run for run in _SEGMENT.findall(match[0]) if _is_unspaced(run)]
        sign = match[0] if match[0][0] == "." or match[0][-1] in "+#" else ""
        yield sign[:_LETTERS], words + runs


def _is_unspaced(text: str) -> bool:
    return _IS_UNSPACED.match(text) is not None


def _is_stop(text: str) -> bool:
    return text in STOP_WORDS or (len(text) > 1 and _KANA.fullmatch(text) is not None)


def _grams(run: str) -> list[str]:
    """Return the pairs of signs in a run without blanks."""
    return [run] if len(run) == 1 else [one + other for one, other in pairwise(run)]


def _prose(folded: str) -> Iterator[str]:
    for sign, words in _compounds(folded):
        if sign:
            yield from {sign, *_said(sign)}
        spaced = [word for word in words if not _is_unspaced(word)]
        for word in spaced:
            yield from _forms(word)
        if len(spaced) > 1:
            yield from _forms(_joined(spaced))
        for run in words:
            if _is_unspaced(run):
                yield from _grams(run)
                yield from _SIGN.findall(run)


def _name(folded: str) -> Iterator[str]:
    """Yield the terms of prose; then those of words written as one, of beginnings, of words passed over."""
    yield from _prose(folded)
    compounds = [words for _, words in _compounds(folded)]
    words = [word for those in compounds for word in those]
    spaced = [word for word in words if not _is_unspaced(word)]
    run = "".join(word for word in words if _is_unspaced(word))
    runs = _grams(run)
    yield from (*runs, *run)
    for word in {*spaced, *_neighbours(spaced)}:
        yield from _forms(word)
        yield from (f"{word[:length]}*" for length in range(1, min(len(word), _BEGINNING) + 1))
    yield from (f"={word}" for word in {*spaced, *runs} if _is_stop(word))


def _address(folded: str) -> Iterator[str]:
    local, _, domain = "".join(folded.split()).rpartition("@")
    labels = domain.split(".")
    parts = {".".join(labels[:count]) for count in (*range(1, _LABELS), len(labels))}
    yield from (f"{local}@{part}"[:_CHARACTERS] for part in parts)
    yield from (f"@{part}" for part in parts)
    yield f"{local}@"
    yield from _name(local)
    yield from _prose(domain)


def _joined(words: Sequence[str]) -> str:
    return "".join(words)[:_LETTERS]


def _neighbours(words: Sequence[str]) -> set[str]:
    """Return what words next to each other are as one."""
    sizes = range(2, _NEIGHBOURS + 1)
    return {_joined(words[at : at + size]) for size in sizes for at in range(len(words) - size + 1)}


@lru_cache(maxsize=4_096)  # half a megabyte; people use the same words
def _forms(word: str) -> tuple[str, ...]:
    """Return the terms of a word of a person: itself, and what a query that mistypes it has as well."""
    return (word, *_mistyped(word, _MISTYPED - 1))


def _mistyped(word: str, least: int = _MISTYPED) -> list[str]:
    """Return a word and what it is with any one letter left out, marked; nothing for numbers."""
    if len(word) < least or not word.isalpha() or _is_unspaced(word):
        return []
    return [f"~{word}", *(f"~{word[:at]}{word[at + 1 :]}" for at in range(len(word)))]


def _spoken(folded: str) -> list[tuple[str, Word]]:
    """Return the words of a query, each with its text; addresses first."""
    chunks = folded.split()
    addresses = [chunk for chunk in chunks if "@" in chunk]
    spoken = [_asked_address(chunk) for chunk in addresses[:_SPOKEN]]
    texts, one = _texts(" ".join(chunk for chunk in chunks if "@" not in chunk))
    joined: list[set[str]] = [set() for _ in texts]
    for size in range(2, _NEIGHBOURS + 1):
        for at in range(len(texts) - size + 1):
            if all(map(str.isalnum, texts[at : at + size])):
                for place in range(at, at + size):
                    joined[place].add(_joined(texts[at : at + size]))
    for text, whole, neighbours in zip(texts, one, joined, strict=True):
        exact = {text, *whole, *neighbours}
        near = {*exact, *_mistyped(text), *(term for word in whole for term in _mistyped(word))}
        if not _is_unspaced(text):
            near |= {f"{text[:_BEGINNING]}*", *_ONLY_WORDS.findall(text)}
        spoken.append((text, Word(text, frozenset(exact), frozenset(near))))
    return spoken


def _said(sign: str) -> set[str]:
    """Return how .NET is written by who says it."""
    return {f"dot{sign[1:]}"} if sign[0] == "." else set()


def _texts(folded: str) -> tuple[list[str], list[set[str]]]:
    """Return the texts of a query's words, and how each is written as one with what it stands together."""
    texts: list[str] = []
    one: list[set[str]] = []
    for sign, words in islice(_compounds(folded), _SPOKEN):
        spaced = [word for word in words if not _is_unspaced(word)]
        if sign and len(spaced) == 1:
            texts.append(sign)
            one.append(_said(sign))
            continue
        for word in words:
            grams = _grams(word) if _is_unspaced(word) else [word]
            texts += grams
            one += [{_joined(spaced)} if word in spaced else set() for _ in grams]
    return texts[:_SPOKEN], one[:_SPOKEN]


def _asked_address(chunk: str) -> tuple[str, Word]:
    """Return a part of a query with @ in it: of an address, or of a part of one."""
    chunk = chunk.removeprefix("mailto:").strip("<>()[]{},;:.!?\"'")
    local = chunk.rpartition("@")[0]
    if not local:
        return chunk, Word(chunk, frozenset([chunk]), frozenset([chunk]))
    near = {chunk, f"{local}@", *_mistyped(_joined(_ONLY_WORDS.findall(local)))}
    return chunk, Word(chunk, frozenset([chunk]), frozenset(near))


def _either(one: tuple[str, Word], other: tuple[str, Word]) -> tuple[str, Word]:
    return one[0], Word(one[0], one[1].exact | other[1].exact, one[1].near | other[1].near)
