"""Draw what docs/search_quality.json has to docs/images/search_quality.png.

It runs in the environment `plot`, whose packages nothing else needs: python plot.py JSON PNG
"""

import json
import sys

from matplotlib import pyplot  # type: ignore[import-not-found]

_COLOURS = {"words": "#b8bec7", "meaning": "#5b8def", "hybrid": "#0b3d91"}


def main(source: str, target: str) -> None:
    """Draw MRR@10 by class, a panel for each model and number of people, a bar for each mode."""
    with open(source, encoding="utf-8") as file:
        measured = json.load(file)
    figure, panels = pyplot.subplots(
        1,
        len(measured),
        sharey=True,
        squeeze=False,
        figsize=(1.5 + 3.6 * len(measured), 5),
        layout="constrained",
    )
    classes = list(
        dict.fromkeys(
            kind
            for results in measured.values()
            for kind, each in results["hybrid"].items()
            if "mrr@10" in each
        )
    )
    for panel, (title, results) in zip(panels[0], measured.items(), strict=True):
        for row, mode in enumerate(_COLOURS):
            ranked = {kind: each["mrr@10"] for kind, each in results[mode].items() if "mrr@10" in each}
            places = [classes.index(kind) + 0.27 * (1 - row) for kind in ranked]
            panel.barh(places, ranked.values(), height=0.25, color=_COLOURS[mode], label=mode)
        panel.set_yticks(range(len(classes)), [kind.replace("_", " ") for kind in classes])
        panel.set(title=title.replace(", ", "\n"), xlabel="MRR@10", xlim=(0, 1))
        panel.grid(axis="x", alpha=0.3)
    panels[0][0].invert_yaxis()
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(target, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
