"""Recording and alerting rules, one place for the Prometheus that Almanac runs and for the exported example."""

from __future__ import annotations

from typing import Any

_OF = "by (site, project, booking, cluster)"

RECORDED = {
    "cluster:slots_busy:ratio": (
        f'sum {_OF} (spark_executor_active_tasks{{executor!="driver"}}) '
        f'/ sum {_OF} (spark_executor_slots{{executor!="driver"}})'
    ),
    "cluster:cpu_busy:ratio": f'1 - avg {_OF} (rate(node_cpu_seconds_total{{mode="idle"}}[1m]))',
    "cluster:gc:ratio": (
        f'sum {_OF} (rate(spark_executor_gc_seconds_total{{executor!="driver"}}[1m])) '
        f'/ (sum {_OF} (rate(spark_executor_busy_seconds_total{{executor!="driver"}}[1m])) > 0)'
    ),
    "cluster:spilled_bytes:rate1m": f"sum {_OF} (rate(spark_task_disk_spilled_bytes_total[1m]))",
}
"""Name -> expression. What a page asks for often is worked out once."""

_ALERTS = (
    (
        "TargetSilent",
        "up == 0",
        "2m",
        "{{ $labels.endpoint }} of {{ $labels.cluster }} has told no numbers for two minutes.",
    ),
    (
        "NoExecutors",
        f'sum {_OF} (spark_executor_slots{{executor!="driver"}}) == 0 and on (cluster) spark_driver_active_jobs > 0',
        "1m",
        "Jobs wait in {{ $labels.cluster }}, and no executor runs.",
    ),
    (
        "GarbageCollection",
        "cluster:gc:ratio > 0.2",
        "2m",
        "More than a fifth of the tasks' time goes to garbage collection.",
    ),
    (
        "MemoryShort",
        "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.05",
        "1m",
        "A node of {{ $labels.cluster }} has less than 5 % of its memory left.",
    ),
    (
        "DiskFull",
        'node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"} < 0.05',
        "2m",
        "A node of {{ $labels.cluster }} has less than 5 % of its disk left.",
    ),
    (
        "AlmanacSilent",
        "almanac_loop_alive == 0",
        "1m",
        "Almanac's loop hasn't looked for a while: nothing is built or ended.",
    ),
)


def rules() -> dict[str, Any]:
    """The rules, as Prometheus' rule file wants them."""
    recorded = [{"record": name, "expr": expression} for name, expression in RECORDED.items()]
    alerts = [
        {"alert": name, "expr": expression, "for": lasting, "annotations": {"summary": words}}
        for name, expression, lasting, words in _ALERTS
    ]
    return {
        "groups": [
            {"name": "almanac", "interval": "10s", "rules": recorded},
            {"name": "almanac-alerts", "interval": "15s", "rules": alerts},
        ]
    }
