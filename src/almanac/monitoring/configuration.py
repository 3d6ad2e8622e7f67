"""Prometheus' configuration: what to ask Almanac for, how often, and how much of it to keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from almanac.monitoring.samples import LONGEST_LABEL, MOST_SAMPLES

TARGETS, SCRAPE, OWN = "/api/v1/monitoring/targets", "/api/v1/monitoring/scrape", "/api/v1/monitoring/metrics"
"""Paths of Almanac's that Prometheus reads."""

_CALM = "ui:master|ui:worker.*|notebook:.*"
"""Endpoints whose numbers move seldom, or are in nobody's rate: read half as often, as reading costs a cluster most."""


@dataclass(frozen=True, slots=True)
class Collection:
    """How metrics are collected and kept.

    Attributes:
        almanac: Almanac's address, such as ``http://127.0.0.1:8484``.
        every: between two looks at a target; at a calm one, half as often.
        kept: how long numbers are kept; they outlive their booking.
        most_gib: disk space that they may take; then the oldest go earlier.
    """

    almanac: str
    every: timedelta = timedelta(seconds=5)
    kept: timedelta = timedelta(days=30)
    most_gib: float = 4.0


def configuration(collection: Collection, credentials: str, rule_files: tuple[str, ...]) -> dict[str, Any]:
    """``prometheus.yml``.

    Prometheus reads every target through Almanac, which alone has the clusters' secrets. ``honor_labels`` stays off, so a
    target can't say that it is another's.

    Args:
        collection: what is collected.
        credentials: path of the file that holds the token for Almanac.
        rule_files: their paths.
    """
    scheme, _, address = collection.almanac.partition("://")
    authorization = {"type": "Bearer", "credentials_file": credentials}
    seconds = collection.every.total_seconds()
    limits = {
        "honor_labels": False,
        "honor_timestamps": False,
        "sample_limit": MOST_SAMPLES,
        "label_limit": 30,
        "label_value_length_limit": 2 * LONGEST_LABEL,
    }
    discovery = {
        "url": f"{collection.almanac}{TARGETS}",
        "refresh_interval": _duration(max(1.0, min(2.0, seconds))),  # who has just got a cluster looks at once
        "authorization": authorization,
    }
    own = {"targets": [address], "labels": {"__metrics_path__": OWN, "endpoint": "almanac"}}
    return {
        "global": {
            "scrape_interval": _duration(seconds),
            "scrape_timeout": _duration(min(seconds, 5)),
            "evaluation_interval": "10s",
        },
        "rule_files": list(rule_files),
        "scrape_configs": [
            {
                "job_name": "clusters",
                "scheme": scheme,
                "authorization": authorization,
                "http_sd_configs": [discovery],
                "relabel_configs": [
                    {
                        "source_labels": ["endpoint"],
                        "regex": _CALM,
                        "target_label": "__scrape_interval__",
                        "replacement": _duration(2 * seconds),
                    }
                ],
                **limits,
            },
            {
                "job_name": "almanac",
                "scheme": scheme,
                "authorization": authorization,
                "static_configs": [own],
                **limits,
            },
        ],
    }


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
