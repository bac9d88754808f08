"""How well people are found: a labelled set asked through the vectors layer, against its floors.

.venv/bin/python -m tests.bench.search --help

Without QDRANT_URL it starts the Edge server on a folder of its own. Ends with 1 if a class is worse than the
set's floors.json has it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from mesh import components, paths, process
from rich.console import Console
from vectors.index import user_index

from tests import sam
from tests.bench.search import asking, labelled, report
from tests.bench.search.crowd import crowd
from tests.bench.search.results import evaluate, shortfalls
from tests.components import lying_in, running

MULTILINGUAL = {
    "EMBEDDING_PROVIDER": "openai",
    "EMBEDDING_MODEL": "multilingual-e5-small",
    "SEARCH_WORDS_WEIGHT": "0.2",
    "EMBEDDING_BATCH_SIZE": "4",  # 32 long texts take the server longer than the layer waits
    "EMBEDDING_QUERY_INPUT_TYPE": "query",
    "EMBEDDING_PASSAGE_INPUT_TYPE": "passage",
}
# With what `minScore` nonsense is asked: docs/search.md
MIN_SCORES = {"all-MiniLM-L6-v2": 0.33, "multilingual-e5-small": 0.84}


def main() -> None:
    """Measure, print, and compare with the floors."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--embeddings", choices=("local", "multilingual"), default="local")
    parser.add_argument("--set", choices=labelled.SETS, default="known", dest="which")
    parser.add_argument("--people", type=int, default=0, help="fill the tenant up to so many people")
    parser.add_argument("--half", choices=("tune", "held_out"), help="ask this half of the queries alone")
    parser.add_argument("--misses", action="store_true", help="name each query whose first answer is wrong")
    parser.add_argument("--write", action="store_true", help="write docs/search_quality.md anew")
    chosen = parser.parse_args()
    people = labelled.people(chosen.which)
    people += crowd(max(0, chosen.people - len(people)))
    queries = [query for query in labelled.queries(chosen.which) if chosen.half in (None, query.half)]
    with environment(chosen.embeddings) as model:
        index = user_index()
        asking.fill(index, people)
        answers = list(asking.ask(index, queries))
    results = evaluate(answers, MIN_SCORES[model])
    title = f"{model}, {'' if chosen.which == 'known' else 'unseen, '}{len(people)} people"
    console = Console()
    for table in report.tables(title, results):
        console.print(table)
    console.print(report.by_min_score(answers))
    if chosen.misses:
        console.print(report.misses(answers, people))
    if chosen.write:
        report.write(title, results)
    # More people make it harder, and a half is another average: floors are for the whole set alone.
    if not (chosen.half or chosen.people):
        worse = list(shortfalls(labelled.floors(chosen.which).get(model, {}), results))
        if worse:
            sys.exit("\n".join(worse))


@contextmanager
def environment(embeddings: str) -> Iterator[str]:
    """Start what is needed, let the environment name it, and yield the model's name."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-search")))
        stack.enter_context(lying_in(home))
        named = {
            name: value
            for name, value in sam.environment("search").items()
            if name.startswith(("QDRANT_", "EMBEDDING_"))
        }
        named |= {"QDRANT_COLLECTION": f"bench-{uuid4().hex[:8]}"}
        if embeddings == "local":
            named |= {"EMBEDDING_MODEL_PATH": str(local_model(Path(named["EMBEDDING_MODEL_PATH"]).name))}
        else:
            components.install_embeddings(embeddings)
            server = stack.enter_context(running(components.start_embeddings(process.free_port())))
            named |= {**MULTILINGUAL, "EMBEDDING_URL": f"{server}/v1"}
        named["QDRANT_URL"] = os.environ.get("QDRANT_URL") or stack.enter_context(
            running(components.start_qdrant(process.free_port()))
        )
        os.environ.update(named)
        yield named["EMBEDDING_MODEL"].rpartition("/")[2]


def local_model(name: str) -> Path:
    """Return the folder of the layer's model, fetched if need be."""
    models = paths.CACHE / "models"
    if not (models / name).exists():
        fetch = paths.ROOT / "layers" / "vectors" / "fetch_model.py"
        subprocess.run([sys.executable, str(fetch), str(models)], check=True)
    return models / name


if __name__ == "__main__":
    main()
