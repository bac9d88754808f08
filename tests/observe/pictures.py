"""Pictures of the dashboards, drawn of what Prometheus has: there is no Grafana where the lane runs."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from mesh.deployment import build
from mesh_observability.panels import DASHBOARDS

from tests.observe.conftest import Line, Prometheus

_PLOT = Path(__file__).with_name("plot.py")


def draw(prometheus: Prometheus, start: float, end: float, folder: Path) -> None:
    """Draw each dashboard over that time into the folder, by its uid."""
    python = build.ensure_environment("plot") / "python"
    for page in DASHBOARDS:
        panels = [
            {
                "title": panel.title,
                "unit": panel.unit,
                "lines": [
                    _line(query.legend, line, start)
                    for query in panel.queries
                    for line in prometheus.lines(query.promql, start, end)
                ],
            }
            for panel in page.panels
        ]
        drawn = {"title": page.title, "panels": panels}
        target = str(folder / f"{page.uid}.png")
        subprocess.run([str(python), str(_PLOT), target], input=json.dumps(drawn), text=True, check=True)


def _line(legend: str, line: Line, start: float) -> dict[str, Any]:
    name = re.sub(r"{{(\w+)}}", lambda found: line.labels.get(found[1], "") or "nobody", legend)
    name = re.sub(r"event-mesh-(\w+?)Function-\w+", r"\1", name)  # who reads it does not want its suffix
    return {"name": name, "points": [(round(at - start), value) for at, value in line.points]}
