"""Event logs in Spark's own format, from a description of jobs: the fields of ``JsonProtocol`` that Spark 3.5 and 4.3 share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

START = 1_790_000_000_000
MIB = 1 << 20


@dataclass(frozen=True)
class Task:
    """A task; times in ms, sizes in bytes. What isn't said of its run time is the residual."""

    run: float = 10_000
    cpu: float = 0.7
    gc: float = 0.01
    fetch: float = 0.0
    write: float = 0.0
    read: int = 64 * MIB
    shuffled: int = 0
    remote: int = 0
    spilled: int = 0
    delay: float = 0.0
    reason: str = "Success"
    partition: int | None = None
    metrics: bool = True


@dataclass(frozen=True)
class Stage:
    """Tasks, and how long Python ran for all of them together, in ms."""

    tasks: Sequence[Task]
    parents: tuple[int, ...] = ()
    name: str = "count at notebook.py:7"
    python: int = 0


@dataclass(frozen=True)
class Job:
    """Stages in the order of their numbers, and how long the driver pauses before it."""

    stages: Sequence[Stage]
    pause: float = 0.0
    pool: str = "default"


@dataclass
class App:
    """An application on so many executors of so many cores; its tasks are placed as Spark would."""

    jobs: Sequence[Job]
    executors: int = 2
    cores: int = 4
    spark: str = "4.3.0"
    ended: bool = True
    files: tuple[int, int] | None = None
    properties: dict[str, str] = field(default_factory=dict)
    operations: Sequence[tuple[float, float]] = ()
    events: list[dict[str, Any]] = field(default_factory=list)

    def lines(self) -> list[bytes]:
        """The log, a line an event."""
        self.events = []
        self._begin()
        now = float(START + 1000)
        number = 0
        for job, described in enumerate(self.jobs):
            now = self._job(job, described, now + described.pause, number)
            number += len(described.stages)
        if self.ended:
            self._event("SparkListenerApplicationEnd", Timestamp=now + 10)
        return [json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in self.events]

    def write(self, path: Path) -> Path:
        """The log, as one plain file."""
        path.write_bytes(b"".join(self.lines()))
        return path

    def _event(self, name: str, **fields: Any) -> None:
        self.events.append({"Event": name, **{key.replace("_", " "): value for key, value in fields.items()}})

    def _begin(self) -> None:
        self._event("SparkListenerLogStart", Spark_Version=self.spark)
        start = {"App Name": "sky", "App ID": "app-1", "Timestamp": START, "User": "ada"}
        self._event("SparkListenerApplicationStart", **start)
        self._event("SparkListenerEnvironmentUpdate", **{"Spark Properties": self.properties})
        for executor in range(self.executors):
            info = {"Host": f"node-{executor}", "Total Cores": self.cores, "Log Urls": {}, "Attributes": {}}
            added = {"Timestamp": START + 500, "Executor ID": str(executor), "Executor Info": info}
            self._event("SparkListenerExecutorAdded", **added)
        for number, (since, until) in enumerate(self.operations):
            names = "org.apache.spark.sql.connect.service.SparkListenerConnectOperation"
            self.events.append({"Event": names + "Started", "operationId": f"o{number}", "eventTime": START + since})
            self.events.append({"Event": names + "Closed", "operationId": f"o{number}", "eventTime": START + until})
        if self.files is not None:
            self._scan(*self.files)

    def _scan(self, number: int, size: int) -> None:
        names = "org.apache.spark.sql.execution.ui.SparkListener"
        metrics = [{"name": "number of files read", "accumulatorId": 7, "metricType": "sum"},
                   {"name": "size of files read", "accumulatorId": 8, "metricType": "size"}]  # fmt: skip
        scan = {"nodeName": "Scan parquet", "simpleString": "", "children": [], "metadata": {}, "metrics": metrics}
        plan = {"nodeName": "Project", "simpleString": "", "children": [scan], "metadata": {}, "metrics": []}
        self.events.append({"Event": names + "SQLExecutionStart", "executionId": 0, "sparkPlanInfo": plan,
                            "time": START + 999})  # fmt: skip
        updates = [[7, number], [8, size], [99, 5]]
        self.events.append({"Event": names + "DriverAccumUpdates", "executionId": 0, "accumUpdates": updates})

    def _job(self, job: int, described: Job, now: float, first: int) -> float:
        infos = [self._info(first + number, stage) for number, stage in enumerate(described.stages)]
        ids = [info["Stage ID"] for info in infos]
        fields = {"Job ID": job, "Submission Time": now, "Stage Infos": infos, "Stage IDs": ids}
        self._event("SparkListenerJobStart", **fields, Properties={"spark.scheduler.pool": described.pool})
        for info, stage in zip(infos, described.stages, strict=True):
            self._event("SparkListenerStageSubmitted", **{"Stage Info": info, "Properties": {}})
            now = self._tasks(info["Stage ID"], stage, now)
            told = [{"ID": 70, "Name": "time to run Python workers", "Value": str(stage.python), "Metadata": "sql"}]
            done = {**info, "Completion Time": now, "Accumulables": told if stage.python else []}
            self._event("SparkListenerStageCompleted", **{"Stage Info": done})
        done = {"Job ID": job, "Completion Time": now, "Job Result": {"Result": "JobSucceeded"}}
        self._event("SparkListenerJobEnd", **done)
        return now

    def _info(self, number: int, stage: Stage) -> dict[str, Any]:
        return {"Stage ID": number, "Stage Attempt ID": 0, "Stage Name": stage.name, "Number of Tasks": len(stage.tasks),
                "RDD Info": [], "Parent IDs": list(stage.parents), "Details": "", "Accumulables": []}  # fmt: skip

    def _tasks(self, stage: int, described: Stage, now: float) -> float:
        free = [now] * (self.executors * self.cores)
        for index, task in enumerate(described.tasks):
            slot = free.index(min(free))
            launch, free[slot] = free[slot], free[slot] + task.run + task.delay
            self._task(stage, index, task, launch, slot // self.cores)
        return max(free)

    def _task(self, stage: int, index: int, task: Task, launch: float, executor: int) -> None:
        info = {"Task ID": index, "Index": index if task.partition is None else task.partition, "Attempt": 0,
                "Launch Time": launch, "Executor ID": str(executor), "Host": f"node-{executor}", "Locality": "ANY",
                "Speculative": False, "Getting Result Time": 0, "Finish Time": launch + task.run + task.delay,
                "Failed": task.reason != "Success", "Killed": False, "Accumulables": ACCUMULABLES}  # fmt: skip
        event = {"Stage ID": stage, "Stage Attempt ID": 0, "Task Type": "ResultTask",
                 "Task End Reason": {"Reason": task.reason}, "Task Info": info,
                 "Task Executor Metrics": {"JVMHeapMemory": 512 * MIB}}  # fmt: skip
        self._event("SparkListenerTaskEnd", **event, **({"Task Metrics": metrics(task)} if task.metrics else {}))


ACCUMULABLES = [
    {"ID": 66, "Name": 'a "name"', "Update": "1", "Value": "1", "Internal": True, "Metadata": "sql"},
    {"ID": 67, "Name": "internal.metrics.updatedBlockStatuses", "Value": [{"Block ID": "rdd_1", "Status": {}}]},
]


def metrics(task: Task) -> dict[str, Any]:
    """A task's metrics: CPU and shuffle write times in ns, others in ms."""
    return {
        "Executor Deserialize Time": 0,
        "Executor Deserialize CPU Time": 0,
        "Executor Run Time": task.run,
        "Executor CPU Time": round(task.run * task.cpu * 1e6),
        "Peak Execution Memory": 0,
        "Result Size": 1999,
        "JVM GC Time": task.run * task.gc,
        "Result Serialization Time": 0,
        "Memory Bytes Spilled": task.spilled,
        "Disk Bytes Spilled": task.spilled // 3,
        "Shuffle Read Metrics": {
            "Remote Blocks Fetched": 0,
            "Local Blocks Fetched": 1,
            "Fetch Wait Time": task.run * task.fetch,
            "Remote Bytes Read": task.remote,
            "Local Bytes Read": task.shuffled,
        },
        "Shuffle Write Metrics": {
            "Shuffle Bytes Written": 0,
            "Shuffle Write Time": round(task.run * task.write * 1e6),
            "Shuffle Records Written": 0,
        },
        "Input Metrics": {"Bytes Read": task.read, "Records Read": 1},
        "Output Metrics": {"Bytes Written": 0, "Records Written": 0},
        "Updated Blocks": [],
    }


def same(number: int, **how: Any) -> list[Task]:
    """Equal tasks."""
    return [Task(**how)] * number


def with_one(tasks: Iterable[Task], **how: Any) -> list[Task]:
    """Tasks of which the first is another."""
    first, *rest = tasks
    return [replace(first, **how), *rest]
