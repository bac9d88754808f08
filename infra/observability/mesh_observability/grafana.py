"""The dashboards for Grafana."""

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, GridPos

from mesh_observability.panels import Dashboard, Panel

_SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")  # as grafana/provisioning names it
_WIDE, _HIGH = 12, 8  # two beside each other


def rendered(page: Dashboard) -> str:
    """Return a dashboard as Grafana reads it from a file."""
    built = (
        dashboard.Dashboard(page.title)
        .uid(page.uid)
        .description(page.question)
        .tags(["event-mesh"])
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-30m", "now")
        .refresh("5s")
    )
    for number, panel in enumerate(page.panels):
        built = built.with_panel(_panel(panel, number))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _panel(panel: Panel, number: int) -> timeseries.Panel:
    position = GridPos(h=_HIGH, w=_WIDE, x=number % 2 * _WIDE, y=number // 2 * _HIGH)
    built = (
        timeseries.Panel()
        .id(number + 1)
        .title(panel.title)
        .description(panel.question)
        .datasource(_SOURCE)
        .grid_pos(position)
        .unit(panel.unit)
        .min(0)
        .fill_opacity(10)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        built = built.with_target(
            prometheus.Dataquery()
            .expr(query.promql)
            .legend_format(query.legend)
            .range()
            .ref_id(letter)
            .datasource(_SOURCE)
        )
    return built
