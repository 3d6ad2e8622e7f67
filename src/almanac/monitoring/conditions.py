"""What metrics tell of the machines that a run's tasks ran on, which no event log knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

from almanac.diagnosis.findings import Platform

MOST_POINTS = 2000
SHORTEST_STEP_S = 5
_FACT = "fact"
_RATE = "30s"
_WORKING = (
    'sum(spark_executor_active_tasks{executor!="driver"}) > 0'
    f' or sum(rate(spark_executor_busy_seconds_total{{executor!="driver"}}[{_RATE}])) > 0'  # short ones, once they ended
)
_EXPRESSIONS: Mapping[str, str] = {
    "node_cpu": f'sum(avg by (mode) (rate(node_cpu_seconds_total{{mode=~"user|nice|system|irq|softirq"}}[{_RATE}])))',
    "steal": f'avg(rate(node_cpu_seconds_total{{mode="steal"}}[{_RATE}]))',
    "cpu_pressure": f"avg(rate(node_pressure_cpu_waiting_seconds_total[{_RATE}]))",
    "io_pressure": f"avg(rate(node_pressure_io_waiting_seconds_total[{_RATE}]))",
    "disk_busy": f"max(rate(node_disk_io_time_seconds_total[{_RATE}]))",
}
"""By field of ``Platform``; those that aren't here need a reference that no metric is."""


def question(length: timedelta) -> str:
    """PromQL for all that metrics tell of a stretch of time: means over those moments when tasks were running.

    Args:
        length: of the stretch, up to the moment that is asked about.
    """
    seconds = max(SHORTEST_STEP_S, int(length.total_seconds()))
    over = f"{seconds}s:{max(SHORTEST_STEP_S, seconds // MOST_POINTS)}s"
    # Idle hours between two jobs say nothing of what the jobs met.
    return " or ".join(
        f'label_replace(avg_over_time((({expression}) and on () ({_WORKING}))[{over}]), "{_FACT}", "{fact}", "", "")'
        for fact, expression in _EXPRESSIONS.items()
    )


def platform(answer: Sequence[Mapping[str, Any]]) -> Platform:
    """What Prometheus answered; what it has no numbers of isn't known."""
    known = {one["metric"][_FACT]: float(one["value"][1]) for one in answer}
    return Platform(**{field.name: known[field.name] for field in fields(Platform) if field.name in known})
