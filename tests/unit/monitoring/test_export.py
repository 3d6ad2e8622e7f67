"""The exported example is whole: Prometheus' own tool takes it, and Grafana's model reads the dashboard back without loss."""

from __future__ import annotations

import json

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from tests.unit.monitoring.test_prometheus_files import needs_promtool, promtool

from almanac.core.errors import BadRequest
from almanac.monitoring.export import write
from almanac.monitoring.panels import PANELS


@needs_promtool
def test_promtool_takes_what_is_exported(tmp_path):
    write(tmp_path / "new", "https://almanac.example.org")
    (tmp_path / "new" / "token").write_text("x")
    assert "SUCCESS" in promtool("check", "config", str(tmp_path / "new" / "prometheus.yml"))


def test_the_dashboard_has_every_panel_and_names_its_booking_everywhere(tmp_path):
    write(tmp_path, "https://almanac.example.org")
    told = json.loads((tmp_path / "grafana/dashboards/booking.json").read_text())
    assert [panel["title"] for panel in told["panels"]] == [panel.title for panel in PANELS]
    expressions = [target["expr"] for panel in told["panels"] for target in panel["targets"]]
    assert len(expressions) == sum(len(panel.lines) for panel in PANELS)
    assert all('booking="$booking"' in expression for expression in expressions)
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(told))) == told


def test_grafana_asks_almanac_with_a_token_from_its_environment(tmp_path):
    write(tmp_path, "https://almanac.example.org")
    sources = yaml.safe_load((tmp_path / "grafana/provisioning/datasources/almanac.yml").read_text())["datasources"]
    assert sources[1]["url"] == "https://almanac.example.org/api/v1/bookings/$ALMANAC_BOOKING/metrics"
    assert sources[1]["secureJsonData"] == {"httpHeaderValue1": "Bearer $ALMANAC_TOKEN"}


def test_a_place_that_cant_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadRequest, match="can't be written"):
        write(tmp_path / "file", "https://almanac.example.org")
