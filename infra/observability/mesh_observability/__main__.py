"""python -m mesh_observability: write dashboards and rules anew, after a change of panels or alarms."""

from pathlib import Path

from mesh_observability import cloudwatch, grafana, rules
from mesh_observability.panels import DASHBOARDS

FOLDER = Path(__file__).resolve().parents[1]
TEMPLATE = FOLDER.parents[1] / "template.yaml"
TERRAFORM = FOLDER.parent / "terraform" / "event_mesh" / "dashboard.json.tftpl"


def outputs() -> dict[Path, str]:
    """Return every file that is written, and what it then says."""
    template = TEMPLATE.read_text(encoding="utf-8")
    return {
        TEMPLATE: cloudwatch.written(template),
        TERRAFORM: cloudwatch.for_terraform(),
        FOLDER / "prometheus" / "rules.yaml": rules.rendered(template),
        **{
            FOLDER / "grafana" / "dashboards" / f"{page.uid}.json": grafana.rendered(page)
            for page in DASHBOARDS
        },
    }


def main() -> None:
    """Write the files."""
    for path, text in outputs().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
