"""Draw a dashboard, given as JSON on stdin, as Grafana would lay it out.

It runs in the environment `plot`, whose packages nothing else needs: python plot.py PNG
"""

import json
import sys

from matplotlib import pyplot  # type: ignore[import-not-found]
from matplotlib.ticker import FuncFormatter  # type: ignore[import-not-found]

_UNITS = {"reqps": "a second", "s": "seconds", "short": "", "percentunit": "share", "bytes": "MB"}
_SHOWN = 8  # names in a legend


def main(target: str) -> None:
    """Draw the panels, two beside each other."""
    page = json.load(sys.stdin)
    panels = page["panels"]
    rows = (len(panels) + 1) // 2
    figure, axes = pyplot.subplots(rows, 2, figsize=(13, 2.4 * rows), squeeze=False, layout="constrained")
    figure.suptitle(page["title"], x=0.01, ha="left", fontsize=15, fontweight="bold")
    for axis, panel in zip(axes.flat, panels, strict=False):
        scale = 1e-6 if panel["unit"] == "bytes" else 1
        for line in panel["lines"]:
            times, values = zip(*line["points"], strict=True)
            axis.plot(times, [value * scale for value in values], label=line["name"], linewidth=1.4)
        axis.set_title(panel["title"], loc="left", fontsize=10, fontweight="bold")
        axis.set_ylabel(_UNITS[panel["unit"]], fontsize=8)
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:.0f} s"))
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
        handles, names = axis.get_legend_handles_labels()
        axis.legend(
            handles[:_SHOWN],
            names[:_SHOWN],
            fontsize=7,
            loc="upper left",
            bbox_to_anchor=(1, 1),
            frameon=False,
        )
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    figure.savefig(target, dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
