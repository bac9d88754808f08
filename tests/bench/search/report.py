"""What was measured: tables for the terminal; docs/search_quality.md, .json and a picture."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mesh import paths
from mesh.deployment import build
from rich.table import Table

from tests.bench.search.asking import Answer
from tests.bench.search.labelled import NONSENSE, Person
from tests.bench.search.metrics import mean, reciprocal_rank
from tests.bench.search.results import FOUND, MRR, ByClass, Results, found

_MEASURES = (MRR, "hit@1", "ndcg@10", FOUND, "p50 ms", "p99 ms")
_BY_MEANING = ("sentence", "question", "late_fact", "same_language", "other_language")
_JSON = paths.ROOT / "docs" / "search_quality.json"
_PAGE = paths.ROOT / "docs" / "search_quality.md"
_IMAGE = paths.ROOT / "docs" / "images" / "search_quality.png"
_PLOT = Path(__file__).with_name("plot.py")
_MARK = "<!-- measured -->\n"


def tables(title: str, results: Results) -> Iterator[Table]:
    """Yield a table for each mode."""
    for mode, by_class in results.items():
        table = Table(title=f"{mode}, {title}")
        for heading in ("class", *_MEASURES):
            table.add_column(heading, justify="left" if heading == "class" else "right")
        for row in _rows(by_class):
            table.add_row(*row)
        yield table


def _rows(by_class: ByClass) -> Iterator[list[str]]:
    for kind, measured in by_class.items():
        yield [kind, *(f"{measured[name]:.3g}" if name in measured else "" for name in _MEASURES)]


def by_min_score(answers: Sequence[Answer]) -> Table:
    """Return what a `minScore` costs and saves: MRR@10 of sentences, people found for nonsense."""
    hybrid = [answer for answer in answers if answer.mode == "hybrid"]
    nonsense = [answer for answer in hybrid if answer.query.kind == NONSENSE]
    there = {answer.query.kind for answer in hybrid}
    kinds = [kind for kind in _BY_MEANING if kind in there]
    table = Table("minScore", *kinds, "nonsense")
    cosines = sorted(c for answer in hybrid for c in answer.cosines if c is not None)
    low, high = cosines[len(cosines) // 20], cosines[-len(cosines) // 20]
    for step in range(int(low * 50), int(high * 50) + 1):
        least = step / 50
        cells = [
            mean(
                reciprocal_rank(_left(answer, least), answer.query.right)
                for answer in hybrid
                if answer.query.kind == kind
            )
            for kind in kinds
        ]
        cells.append(mean(found(answer, least) for answer in nonsense))
        table.add_row(f"{least:.2f}", *(f"{cell:.3f}" for cell in cells))
    return table


def _left(answer: Answer, min_score: float) -> list[int]:
    pairs = zip(answer.found, answer.cosines, strict=True)
    return [user for user, cosine in pairs if cosine is None or cosine >= min_score]


def misses(answers: Sequence[Answer], people: Sequence[Person]) -> Table:
    """Return the hybrid searches whose first answer is wrong, and the nearest people found for nonsense."""
    names = {person.id: person.name for person in people}
    table = Table("query", "first", "cosine", "right one", "at")
    for answer in answers:
        if answer.mode == "hybrid" and answer.found and answer.found[0] not in answer.query.right:
            right = next((user for user in answer.found if user in answer.query.right), None)
            table.add_row(
                f"{answer.query.id}: {answer.query.query}",
                names[answer.found[0]],
                "by words" if answer.cosines[0] is None else f"{answer.cosines[0]:.2f}",
                ", ".join(names[user] for user in answer.query.right),
                str(answer.found.index(right) + 1) if right else "",
            )
    return table


def write(title: str, results: Results) -> None:
    """Keep what was measured beside what was measured before."""
    kept: dict[str, Any] = json.loads(_JSON.read_text()) if _JSON.exists() else {}
    kept[title] = results
    _JSON.write_text(json.dumps(kept, indent=1) + "\n")
    _IMAGE.parent.mkdir(exist_ok=True)
    python = build.ensure_environment("plot") / "python"
    subprocess.run([str(python), str(_PLOT), str(_JSON), str(_IMAGE)], check=True)
    text = _PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    _PAGE.write_text(text + _MARK + "\n".join(_sections(kept)) + "\n", encoding="utf-8")


def _sections(kept: dict[str, Results]) -> Iterator[str]:
    for measured, results in kept.items():
        yield f"\n### {measured}\n"
        yield "| class | " + " | ".join(f"{mode} {name}" for mode in results for name in _SHOWN) + " |"
        yield "|---" * (1 + len(results) * len(_SHOWN)) + "|"
        for kind in next(iter(results.values())):
            cells = [_cell(results[mode][kind], name) for mode in results for name in _SHOWN]
            yield f"| {kind} | " + " | ".join(cells) + " |"


_SHOWN = ("MRR@10", "nDCG@10", "p50 ms")


def _cell(measured: dict[str, float], name: str) -> str:
    if FOUND in measured and name != "p50 ms":
        return f"{measured[FOUND]:.1f} found" if name == "MRR@10" else ""
    return f"{measured[name.lower() if '@' in name else name]:.3g}"
