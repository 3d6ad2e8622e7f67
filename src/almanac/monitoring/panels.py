"""The panels: what is shown of a cluster, defined once for the terminal, the portal and Grafana.

Expressions name no cluster: whoever shows a panel forces the labels in (``promql.scoped``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a panel's numbers are; Grafana's own names."""

    SHARE = "percentunit"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    SECONDS_PER_SECOND = "s"
    COUNT = "short"


@dataclass(frozen=True, slots=True)
class Line:
    """One expression of a panel.

    Attributes:
        expression: PromQL.
        name: what its line is called; ``{{label}}`` is filled in.
    """

    expression: str
    name: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart.

    Attributes:
        key: by which it is found.
        about: what to read from it, in a sentence.
        everywhere: whether it is shown even where there is nothing of the kind.
    """

    key: str
    title: str
    unit: Unit
    about: str
    lines: tuple[Line, ...]
    everywhere: bool = True


def _rate(name: str, matchers: str = "", over: str = "30s") -> str:
    return f"rate({name}{{{matchers}}}[{over}])"


_NO_DRIVER = 'executor!="driver"'
_MODES = 'mode=~"user|system|iowait|steal"'
_BUSY = f"sum({_rate('spark_executor_busy_seconds_total', _NO_DRIVER, '1m')})"
_LEAST = 1e-9
"""Instead of a division by nothing, which would show as no data."""


def _task_second(name: str, words: str) -> Line:
    return Line(f"sum({_rate(f'spark_task_{name}_seconds_total', over='1m')})", words)


PANELS = (
    Panel(
        "slots", "Slots busy", Unit.SHARE, "Well below 100 % while jobs run: too few tasks, skew, or the driver at work.",
        (Line(
            f"clamp_max(sum(spark_executor_active_tasks{{{_NO_DRIVER}}})"
            f" / clamp_min(sum(spark_executor_slots{{{_NO_DRIVER}}}), 1), 1)",
            "busy",
        ),),
    ),
    Panel(
        "work", "Jobs and stages", Unit.COUNT, "Jobs but no running stage: the driver plans, lists files or computes.",
        (
            Line("sum(spark_driver_active_jobs)", "jobs"),
            Line("sum(spark_driver_running_stages)", "running stages"),
            Line("sum(spark_driver_waiting_stages)", "waiting stages"),
        ),
    ),
    Panel(
        "cpu", "Processors", Unit.SHARE, "iowait: disks are the limit; steal: the machine's other guests are.",
        (Line(f"avg by (mode) ({_rate('node_cpu_seconds_total', _MODES)})", "{{mode}}"),),
    ),
    Panel(
        "pressure", "Waiting for", Unit.SHARE, "The share of time in which something waited for processors, disks or memory.",
        tuple(
            Line(f"avg({_rate(f'node_pressure_{what}_waiting_seconds_total')})", words)
            for what, words in (("cpu", "processors"), ("io", "disks"), ("memory", "memory"))
        ),
    ),
    Panel(
        "gc", "Garbage collection", Unit.SHARE, "Of the tasks' time. Above 10 %: bigger executors, or fewer objects.",
        (Line(
            f"sum({_rate('spark_executor_gc_seconds_total', _NO_DRIVER, '1m')}) / clamp_min({_BUSY}, {_LEAST})", "of run time"
        ),),
    ),
    Panel(
        "time", "Where tasks spend their time", Unit.SECONDS_PER_SECOND, "Moves when a task ends, so long tasks show in steps.",
        (
            _task_second("run", "run"),
            _task_second("cpu", "computing"),
            _task_second("gc", "collecting garbage"),
            _task_second("fetch_wait", "waiting for shuffled data"),
            _task_second("shuffle_write", "writing shuffled data"),
            _task_second("deserialize", "unpacking"),
        ),
    ),
    Panel(
        "heap", "Peak heap", Unit.BYTES, "The most that each executor has had so far, of what it may have.",
        (Line(f"max by (executor) (spark_executor_peak_heap_bytes{{{_NO_DRIVER}}})", "executor {{executor}}"),),
    ),
    Panel(
        "spill", "Spilled to disk", Unit.BYTES_PER_SECOND, "Any: data that doesn't fit into an executor's memory.",
        (Line(f"sum({_rate('spark_task_disk_spilled_bytes_total', over='1m')})", "spilled"),),
    ),
    Panel(
        "imbalance", "Imbalance of executors", Unit.COUNT, "The busiest executor's work against the mean; 1 is even.",
        (Line(
            f"max({_rate('spark_executor_busy_seconds_total', _NO_DRIVER, '1m')}) "
            f"/ clamp_min(avg({_rate('spark_executor_busy_seconds_total', _NO_DRIVER, '1m')}), {_LEAST})",
            "busiest / mean",
        ),),
    ),
    Panel(
        "failed", "Failed tasks", Unit.COUNT, "In five minutes. Their work is done again.",
        (Line(f"sum(increase(spark_executor_failed_tasks_total{{{_NO_DRIVER}}}[5m]))", "failed"),),
    ),
    Panel(
        "shuffle", "Shuffled data", Unit.BYTES_PER_SECOND, "Read by tasks from their own executor, and over the network.",
        (
            Line(f"sum({_rate('spark_task_shuffle_local_read_bytes_total', over='1m')})", "local"),
            Line(f"sum({_rate('spark_task_shuffle_remote_read_bytes_total', over='1m')})", "remote"),
        ),
    ),
    Panel(
        "input", "Read and written by tasks", Unit.BYTES_PER_SECOND, "From and to files.",
        (
            Line(f"sum({_rate('spark_task_input_bytes_total', over='1m')})", "read"),
            Line(f"sum({_rate('spark_task_output_bytes_total', over='1m')})", "written"),
        ),
    ),
    Panel(
        "disk_busy", "Disks busy", Unit.SHARE, "The busiest disk.",
        (Line(f"max({_rate('node_disk_io_time_seconds_total')})", "busiest"),),
    ),
    Panel(
        "disk", "Disk throughput", Unit.BYTES_PER_SECOND, "Of all disks of a node.",
        (
            Line(f"sum({_rate('node_disk_read_bytes_total')})", "read"),
            Line(f"sum({_rate('node_disk_written_bytes_total')})", "written"),
        ),
    ),
    Panel(
        "network", "Network", Unit.BYTES_PER_SECOND, "Of all interfaces that lead out of a node.",
        (
            Line(f"sum({_rate('node_network_receive_bytes_total')})", "received"),
            Line(f"sum({_rate('node_network_transmit_bytes_total')})", "sent"),
        ),
    ),
    Panel(
        "memory", "Memory in use", Unit.SHARE, "Of the node's.",
        (Line("1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)", "in use"),),
    ),
    Panel(
        "gpu", "GPUs", Unit.SHARE, "Idle while tasks run: the data comes too slowly, or the work isn't theirs.",
        (
            Line("avg(node_gpu_busy_ratio)", "busy"),
            Line("sum(node_gpu_memory_used_bytes) / sum(node_gpu_memory_bytes)", "of their memory"),
        ),
        everywhere=False,
    ),
    Panel(
        "driver", "Driver", Unit.SHARE, "Busy with one core while slots are idle: the driver is the bottleneck.",
        (
            Line(f"sum({_rate('spark_driver_cpu_nanoseconds_total')}) / 1e9", "of a core"),
            Line("sum(spark_driver_heap_bytes) / sum(spark_driver_heap_limit_bytes)", "of its heap"),
        ),
    ),
    Panel(
        "seats", "Kernels", Unit.COUNT, "Notebooks that run now, by seat.",
        (Line(
            'sum by (endpoint) (jupyter_kernels) or 0 * sum by (endpoint) (up{endpoint=~"notebook:.*"})',  # none ran yet
            "{{endpoint}}",
        ),),
    ),
    Panel(
        "silent", "Silent targets", Unit.COUNT, "Parts of the cluster that tell no numbers.",
        (Line("count(up == 0) or vector(0)", "silent"),),
    ),
)  # fmt: skip
"""In the order in which they are shown."""
