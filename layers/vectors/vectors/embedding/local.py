"""Embedding by a model of the layer, loaded once per execution environment."""

from collections.abc import Iterator, Sequence
from ctypes import CDLL
from functools import cache

from fastembed import TextEmbedding

from vectors.embedding.vector import Vector
from vectors.settings import settings

# Of one run of the model. Its memory grows with them: 90 MB for these, 1.1 GB for sixteen times as many, and
# no number of them is faster. It is also the longest text that the model reads.
_TOKENS = 512
# A tokenizer reads the whole text before it cuts it: 1.4 s and 300 MB a megabyte. The API takes 2,202.
_CHARACTERS = 8_192
# That a piece of a text has, of those which the model reads a text in: 3 to 7 in sentences of its language, 1
# to 2.5 in others, in typing at random and in names.
_LETTERS = 2.6
_MARKS = 2  # pieces that stand for a text's beginning and end


def embed(texts: Sequence[str]) -> list[Vector]:
    """Return one unit vector of EMBEDDING_DIMENSION floats per text, in the order of the texts.

    Memory is bounded whatever the texts are, and time by their number: the model reads the first 512 tokens
    of each, and of its first 8,192 characters.
    """
    model = open_model()
    shortened = [text[:_CHARACTERS] for text in texts]
    vectors: dict[int, Vector] = {}
    for places in slices([model.token_count(text) for text in shortened]):
        found = model.embed([shortened[place] for place in places], batch_size=len(places))
        vectors.update(zip(places, (vector.tolist() for vector in found), strict=True))
    return [vectors[place] for place in range(len(texts))]


def understands(text: str) -> bool:
    """Return whether the model knows words of a text, or spells it."""
    letters = "".join(sign if sign.isalnum() else " " for sign in text[:_CHARACTERS])
    pieces = open_model().token_count(letters) - _MARKS
    return len("".join(letters.split())) >= _LETTERS * pieces


def slices(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of texts that go through the model together, given how many tokens each text has.

    They are padded to the longest of them, so texts of about one length are together, the longest first.
    """
    places = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    while places:
        size = max(1, _TOKENS // max(1, lengths[places[0]]))
        yield places[:size]
        del places[:size]


@cache
def open_model() -> TextEmbedding:
    """Return the execution environment's model, loaded on first use."""
    # One thread: Lambda's CPU share is about one, and more threads make latency unsteady.
    model = TextEmbedding(settings().embedding_model, specific_model_path=settings().model_folder, threads=1)
    _give_back()
    return model


def _give_back() -> None:
    """Have the system take back what loading has freed: 60 MB, which glibc would keep."""
    trim = getattr(CDLL(None), "malloc_trim", None)  # glibc's own
    if trim:
        trim(0)
