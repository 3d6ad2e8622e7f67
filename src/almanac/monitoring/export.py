"""A worked example on disk: Prometheus, its rules, and Grafana, for those who run their own."""

from __future__ import annotations

from pathlib import Path

import yaml

from almanac.core.errors import BadRequest
from almanac.monitoring import grafana
from almanac.monitoring.configuration import Collection, configuration
from almanac.monitoring.rules import rules

PROMETHEUS = "http://127.0.0.1:9090"
_DASHBOARDS = "grafana/dashboards"
_READ_ME = """\
# Almanac's metrics in your own Prometheus and Grafana

1. Put an operator's API token into `token` (`almanac tokens create prometheus --role operator`), mode 0600.
2. `prometheus --config.file=prometheus.yml`, in this directory. It finds every booking through Almanac.
3. Point Grafana's provisioning at `grafana/provisioning`, and the dashboards' path in it at `grafana/dashboards`.
   `almanac-all` is that Prometheus: whoever may ask it sees every booking. `almanac-booking` is one booking as Almanac
   shows it to its people: set `ALMANAC_BOOKING` and `ALMANAC_TOKEN` in Grafana's environment.

Whoever may ask a Prometheus sees all of it: Grafana's variables are no protection. Give people `almanac-booking` only.
"""


def write(directory: Path, almanac: str) -> list[Path]:
    """Write the example.

    Args:
        directory: made if missing; files of ours in it are replaced.
        almanac: its address.

    Returns:
        What was written.

    Raises:
        BadRequest: it can't be written there.
    """
    config = configuration(Collection(almanac), "token", ("rules.yml",))
    provider = {"name": "almanac", "type": "file", "options": {"path": _DASHBOARDS}}
    files = {
        "README.md": _READ_ME,
        "prometheus.yml": _yaml(config),
        "rules.yml": _yaml(rules()),
        "grafana/provisioning/datasources/almanac.yml": _yaml(grafana.data_sources(almanac, PROMETHEUS)),
        "grafana/provisioning/dashboards/almanac.yml": _yaml({"apiVersion": 1, "providers": [provider]}),
        f"{_DASHBOARDS}/booking.json": grafana.dashboard_json(),
    }
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadRequest(
            f"{directory} can't be written ({error.strerror}).", hint="Name another: almanac monitoring export DIR"
        ) from error
    return [directory / name for name in files]


def _yaml(value: object) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False)
    return text
