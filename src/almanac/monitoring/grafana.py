"""The panels as a Grafana dashboard, and where Grafana gets the numbers."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from almanac.monitoring.panels import PANELS, Panel
from almanac.monitoring.promql import scoped

ALL, ONE = "almanac-all", "almanac-booking"
"""The data sources' names: an operator's Prometheus, and one booking as Almanac shows it to its people."""
_WIDTH, _HEIGHT = 12, 8
_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")


def dashboard_json() -> str:
    """The dashboard, with a choice of the data source and of the booking."""
    source = dashboard.DatasourceVariable("source").label("Source").type("prometheus").regex("/^almanac-/")
    booking = dashboard.QueryVariable("booking").label("Booking").datasource(_SOURCE).query("label_values(up, booking)")
    made = (
        dashboard.Dashboard("Almanac: a booking")
        .uid("almanac-booking")
        .tags(["almanac", "spark"])
        .refresh("5s")
        .time("now-15m", "now")
        .with_variable(source)
        .with_variable(booking)
    )
    for panel in PANELS:
        made = made.with_panel(_chart(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _chart(panel: Panel) -> timeseries.Panel:
    chart = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.about)
        .unit(str(panel.unit))
        .datasource(_SOURCE)
        .min(0)
        .span(_WIDTH)
        .height(_HEIGHT)
    )
    for line in panel.lines:
        expression = scoped(line.expression, {"booking": "$booking"})
        chart = chart.with_target(prometheus.Dataquery().expr(expression).legend_format(line.name))
    return chart


def data_sources(almanac: str, prometheus_url: str) -> dict[str, Any]:
    """Grafana's provisioning of both data sources.

    Args:
        almanac: its address.
        prometheus_url: of the operator's Prometheus.
    """
    one = {
        "name": ONE,
        "uid": ONE,
        "type": "prometheus",
        "access": "proxy",
        "url": f"{almanac}/api/v1/bookings/$ALMANAC_BOOKING/metrics",
        "jsonData": {"httpMethod": "GET", "httpHeaderName1": "Authorization"},
        "secureJsonData": {"httpHeaderValue1": "Bearer $ALMANAC_TOKEN"},
    }
    every = {"name": ALL, "uid": ALL, "type": "prometheus", "access": "proxy", "url": prometheus_url}
    return {"apiVersion": 1, "datasources": [every, one]}
