"""What words add to a search by meaning, by how common they are: one large tenant beside 10,000 small ones.

.venv/bin/python -m tests.bench.search_growth [--people 1000]

Both searches are asked in turn of the same collection, on an Edge server of its own, with vectors and people
made up. The processor time is the server's and the caller's together.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy
import psutil
from mesh import components, process
from rich.console import Console
from rich.table import Table
from vectors.client import connect
from vectors.collection import ensure_collection
from vectors.index import Entry, UserIndex
from vectors.ranking import Mode, Search
from vectors.settings import Settings

from tests.components import lying_in, running

_DIMENSION = 384
_TENANT = "tenant-large"
_SMALL_TENANTS = 10_000
_ROUNDS = 60
_BATCH = 500
_COMMON = {60: "engineer berlin company", 30: "manager hamburg software", 10: "nurse munich hospital"}
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


class Cost(NamedTuple):
    """What a search takes, in ms: the median, and of the processor's time the mean."""

    p50: float
    processor: float


def entries(tenant: str, number: int, random: Random) -> Iterator[Entry]:
    """Yield that many people of a tenant: names of their own, common words by their share, and rare ones."""
    vectors = numpy.random.default_rng(random.randrange(2**32))
    for user_id in range(1, number + 1):
        name = f"{_made_up(random, 1_000)} {_made_up(random, 20_000)}"
        common = (
            word
            for share, words in _COMMON.items()
            for word in words.split()
            if random.random() < share / 100
        )
        profile = " ".join((*common, *(_made_up(random, 5_000).lower() for _ in range(10))))
        vector = vectors.standard_normal(_DIMENSION)
        vector /= numpy.linalg.norm(vector)
        email = f"{name.replace(' ', '.').lower()}@example.com"
        yield Entry(tenant, user_id, email, name, profile, [vector.tolist()], 1)


def _made_up(random: Random, different: int) -> str:
    """Return one of so many words of three syllables."""
    number, letters = random.randrange(different), ""
    for _ in range(3):
        number, consonant = divmod(number, len(_CONSONANTS))
        number, vowel = divmod(number, len(_VOWELS))
        letters += _CONSONANTS[consonant] + _VOWELS[vowel]
    return letters.title()


def queries(somebody: Entry) -> dict[str, str]:
    """Return what is asked, by what it stands for."""
    return {
        "a name": somebody.name,
        "an address": somebody.email,
        "a rare word": somebody.profile.split()[-1],
        "words nobody has": "quixotic xylophonist",
        "a word of 10 %": "nurse",
        "a word of 60 %": "engineer",
        **{f"three words of {share} %": words for share, words in _COMMON.items()},
        "a sentence of common words": "who is an engineer or a manager for software at a company in Berlin",
        "a name and a common word": f"{somebody.name.split()[0]} the engineer",
    }


def fill(index: UserIndex, people: int) -> Entry:
    """Write everybody, the large tenant among the small ones, and return somebody of the large one."""
    random = Random(14)
    large = entries(_TENANT, people, random)
    small = (one for number in range(_SMALL_TENANTS) for one in entries(f"tenant-{number}", 2, random))
    somebody = next(large)
    index.write([somebody])
    while batch := [*islice(large, _BATCH), *islice(small, _BATCH)]:
        index.write(batch)
    return somebody


def costs(server: psutil.Process, searches: Mapping[Mode, Callable[[], object]]) -> dict[Mode, Cost]:
    """Return what each search costs; they are asked in turn, so that noise is spread over all."""
    walls: dict[Mode, list[float]] = {mode: [] for mode in searches}
    processor = dict.fromkeys(searches, 0.0)
    for _ in range(_ROUNDS):
        for mode, search in searches.items():
            before, started = _processor(server), time.perf_counter()
            search()
            walls[mode].append((time.perf_counter() - started) * 1000)
            processor[mode] += (_processor(server) - before) * 1000 / _ROUNDS
    return {mode: Cost(statistics.median(walls[mode]), processor[mode]) for mode in searches}


def _processor(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system + time.process_time()


def main() -> None:
    """Fill a collection, and print what each search costs beside meaning alone."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--people", type=int, nargs="*", default=[1_000, 100_000], help="of the large tenant")
    for people in parser.parse_args().people:
        with tempfile.TemporaryDirectory(prefix="search-growth") as home, lying_in(Path(home)):
            qdrant = components.start_qdrant(process.free_port())
            with running(qdrant) as url:
                _report(url, psutil.Process(qdrant.pid), people)


def _report(url: str, server: psutil.Process, people: int) -> None:
    named = Settings(QDRANT_URL=url, EMBEDDING_MODEL="made-up", EMBEDDING_DIMENSION=_DIMENSION)
    client = connect(named)
    ensure_collection(client, named)
    index = UserIndex(client, named.qdrant_collection)
    somebody = fill(index, people)
    [vector] = next(entries(_TENANT, 1, Random(41))).vectors

    def search(query: str, mode: Mode) -> Callable[[], object]:
        return lambda: index.search(_TENANT, Search(query, mode), vector, 5)

    table = Table(
        "query", "meaning p50 ms", "hybrid p50 ms", "ratio", "processor ms", "processor ms", "ratio"
    )
    table.title = f"{people:,} people of one tenant beside {_SMALL_TENANTS:,} small tenants"
    for name, query in queries(somebody).items():
        of = costs(server, {mode: search(query, mode) for mode in ("meaning", "hybrid")})
        rows = zip(of["meaning"], of["hybrid"], strict=True)
        table.add_row(name, *(cell for bare, words in rows for cell in _cells(bare, words)))
    Console(width=140).print(table)


def _cells(bare: float, words: float) -> list[str]:
    return [f"{bare:.1f}", f"{words:.1f}", f"{words / bare:.2f}"]


if __name__ == "__main__":
    main()
