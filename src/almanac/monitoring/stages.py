"""How long tasks computed, fetched, wrote and spilled: sums over the stages that a driver's page lists.

The page forgets old stages, so what each has contributed is remembered here; after a restart of Almanac sums begin anew,
which Prometheus takes for what it is: a counter that was reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from almanac.monitoring.samples import BadMetrics, Sample

_COUNTERS = {
    "executorRunTime": ("spark_task_run_seconds_total", 1e-3),
    "executorCpuTime": ("spark_task_cpu_seconds_total", 1e-9),
    "executorDeserializeTime": ("spark_task_deserialize_seconds_total", 1e-3),
    "jvmGcTime": ("spark_task_gc_seconds_total", 1e-3),
    "shuffleFetchWaitTime": ("spark_task_fetch_wait_seconds_total", 1e-3),
    "shuffleWriteTime": ("spark_task_shuffle_write_seconds_total", 1e-9),
    "memoryBytesSpilled": ("spark_task_memory_spilled_bytes_total", 1.0),
    "diskBytesSpilled": ("spark_task_disk_spilled_bytes_total", 1.0),
    "inputBytes": ("spark_task_input_bytes_total", 1.0),
    "outputBytes": ("spark_task_output_bytes_total", 1.0),
    "shuffleRemoteBytesRead": ("spark_task_shuffle_remote_read_bytes_total", 1.0),
    "shuffleLocalBytesRead": ("spark_task_shuffle_local_read_bytes_total", 1.0),
    "numFailedTasks": ("spark_task_failed_total", 1.0),
}
"""Spark's name of a stage's number -> Almanac's, and what turns it into seconds or bytes."""


class StageSums:
    """The sums of one application, fed with what its page shows now."""

    def __init__(self, application: str) -> None:
        self.application = application
        self._forgotten = dict.fromkeys(_COUNTERS, 0.0)
        self._shown: dict[tuple[int, int], dict[str, float]] = {}

    def feed(self, stages: Iterable[Mapping[str, Any]]) -> None:
        """Take in all stages that the page lists.

        Raises:
            BadMetrics: they aren't stages as Spark's REST interface tells them.
        """
        try:
            now = {
                (int(stage["stageId"]), int(stage["attemptId"])): {key: float(stage[key]) for key in _COUNTERS}
                for stage in stages
            }
        except (KeyError, TypeError, ValueError) as error:
            raise BadMetrics("The driver's list of stages isn't one.") from error
        for gone in self._shown.keys() - now.keys():
            for key, value in self._shown[gone].items():
                self._forgotten[key] += value
        self._shown = now

    def samples(self) -> Iterator[Sample]:
        """The sums, over all that was ever shown."""
        for key, (name, unit) in _COUNTERS.items():
            total = self._forgotten[key] + sum(stage[key] for stage in self._shown.values())
            yield Sample(name, total * unit, {})
