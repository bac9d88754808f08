"""The labelled set through the vectors layer: everybody indexed, everything asked, in every mode."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from vectors.embedding import embed_query, understands
from vectors.index import Entry, UserIndex
from vectors.ranking import Mode, Search
from vectors.steps import step
from vectors.steps.embedding import embedding
from vectors.steps.run import run

from tests.bench.search.labelled import NONSENSE, Person, Query
from tests.bench.search.metrics import DEPTH

MODES: tuple[Mode, ...] = get_args(Mode)

_TENANT = "tenant-search"
_BATCH = 32
_PATIENCE_MS = 600_000  # a machine shared by many


class Answer(NamedTuple):
    """Whom a query found in a mode, the best first, and what that took.

    A cosine is None where the query was not embedded, and for whom words found: no `minScore` leaves those
    out.
    """

    query: Query
    mode: Mode
    found: list[int]
    cosines: list[float | None]
    millis: float


def fill(index: UserIndex, people: Sequence[Person]) -> None:
    """Write everybody to the index, as enrich does."""
    for start in range(0, len(people), _BATCH):
        batch = [step.Person(_TENANT, *person) for person in people[start : start + _BATCH]]
        for made in run(batch, lambda: _PATIENCE_MS, [embedding]):
            if isinstance(made, step.Failed):
                raise SystemExit(f"Somebody of the labelled set cannot be indexed. {made.why}")
            index.write([Entry(*made[:5], list(made.vectors), version=1)])


def ask(index: UserIndex, queries: Sequence[Query]) -> Iterator[Answer]:
    """Yield the answer to every query in every mode; the modes in turn, so that noise is spread over all."""
    for query in queries:
        for mode in MODES:
            started = time.perf_counter()
            vector = None if mode == "words" else embed_query(query.query)
            # Nonsense is asked with a `minScore` alone; which one is chosen later, from the cosines.
            least = -1 if query.kind == NONSENSE else None
            asked = Search(query.query, mode, least, understood=understands(query.query))
            hits = index.search(_TENANT, asked, vector, DEPTH).hits
            millis = (time.perf_counter() - started) * 1000
            cosines = [hit.score if hit.matched == ["meaning"] else None for hit in hits]
            yield Answer(query, mode, [hit.user_id for hit in hits], cosines, millis)
