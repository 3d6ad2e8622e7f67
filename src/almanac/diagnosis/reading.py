"""Read an event log of Spark 3.5 or 4.x in one pass, in memory that grows with its tasks and not with its bytes.

An event's name stands at the start of its line (Spark's ``JsonProtocol`` writes it first), so what isn't wanted isn't
parsed; from the end of a task, the accumulables are cut out before.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from almanac.diagnosis.files import Lines, lines_of
from almanac.diagnosis.run import Column, Executor, Job, Outcome, Rows, Run, Scan, Span, Stage, Tasks, merged
from almanac.diagnosis.trouble import BadEventLog

HEAD = b'{"Event":"'
ACCUMULABLES = b'"Accumulables":['
AFTER_ACCUMULABLES = (b'"Task Executor Metrics":', b'"Task Metrics":')
NUMBER_OF_FILES, SIZE_OF_FILES = "number of files read", "size of files read"
IN_PYTHON = "time to run Python workers"
SQL = b"org.apache.spark.sql.execution.ui.SparkListener"
CONNECT = b"org.apache.spark.sql.connect.service.SparkListenerConnectOperation"
SIZE = re.compile(r"(\d+)([kmgt]?)b?")
UNITS = {"k": 10, "m": 20, "": 20, "g": 30, "t": 40}
OUTCOMES = {"Success": Outcome.GOOD, "TaskKilled": Outcome.KILLED, "TaskCommitDenied": Outcome.KILLED}
LONGEST_NAME = 120
WARM_UP = "warm-up"
"""The pool of what a platform computes by itself, so that people's first job is quick: no job of theirs."""
NS = 1e-6
"""Milliseconds in a nanosecond."""

Event = dict[str, Any]


def read(path: Path) -> Run:
    """The run that a log tells of.

    Raises:
        BadEventLog: there is no event log of Spark there.
    """
    return run_of(lines_of(path), str(path))


def run_of(lines: Lines, what: str) -> Run:
    """The run that the lines of a log tell of.

    Args:
        lines: of the log.
        what: names it where something is wrong with it.

    Raises:
        BadEventLog: it is no event log of Spark.
    """
    reader = Reader()
    reader.read(lines)
    if not reader.known:
        raise BadEventLog(
            f"{what} is not an event log of Spark.",
            hint="It should hold one JSON object a line, the first a SparkListenerLogStart.",
        )
    return reader.run(lines)


@dataclass(slots=True)
class _Stage:
    """A stage as it is read."""

    name: str = ""
    parents: tuple[int, ...] = ()
    job: int | None = None
    python: float = 0.0
    rows: Rows = field(default_factory=Rows)


class Reader:
    """Takes the events of one log, in their order."""

    def __init__(self) -> None:
        self.known = 0
        self._broken = 0
        self._last = 0.0
        self._app, self._name, self._spark, self._ended = "", "", "", False
        self._task_cpus, self._heap = 1, 0
        self._executors: dict[str, Executor] = {}
        self._numbers: dict[str, int] = {}
        self._jobs: dict[int, Job] = {}
        self._open: set[int] = set()
        self._stages: dict[int, _Stage] = {}
        self._job_of: dict[int, int] = {}
        self._nobodys: set[int] = set()
        self._operations: dict[str, Span] = {}
        self._running: set[str] = set()
        self._file_metrics: dict[int, str] = {}
        self._scans: dict[int, Scan] = {}
        self._takers: dict[bytes, Callable[[Event], None]] = {
            b"SparkListenerLogStart": self._log_start,
            b"SparkListenerApplicationStart": self._application_start,
            b"SparkListenerApplicationEnd": self._application_end,
            b"SparkListenerEnvironmentUpdate": self._environment,
            b"SparkListenerExecutorAdded": self._executor_added,
            b"SparkListenerExecutorRemoved": self._executor_removed,
            b"SparkListenerJobStart": self._job_start,
            b"SparkListenerJobEnd": self._job_end,
            b"SparkListenerStageSubmitted": self._stage,
            b"SparkListenerStageCompleted": self._stage_done,
            b"SparkListenerTaskEnd": self._task_end,
            SQL + b"SQLExecutionStart": self._plan,
            SQL + b"SQLAdaptiveExecutionUpdate": self._plan,
            SQL + b"DriverAccumUpdates": self._driver_updates,
            CONNECT + b"Started": self._operation_started,
            **{CONNECT + end: self._operation_ended for end in (b"Finished", b"Failed", b"Canceled", b"Closed")},
        }

    def read(self, lines: Iterable[bytes]) -> None:
        """Take every line; one that can't be understood is counted and passed over."""
        head = len(HEAD)
        for line in lines:
            if not line.startswith(HEAD):
                self._broken += 1
                continue
            taker = self._takers.get(line[head : line.find(b'"', head)])
            if taker is None or (taker == self._plan and NUMBER_OF_FILES.encode() not in line):
                continue
            try:
                taker(orjson.loads(_without_accumulables(line) if taker == self._task_end else line))
                self.known += 1
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
                self._broken += 1

    def run(self, lines: Lines) -> Run:
        """What was read."""
        stages = tuple(
            Stage(
                number,
                stage.name or f"stage {number}",
                stage.parents,
                self._job(number, stage),
                Tasks.of(stage.rows),
                stage.python,
            )
            for number, stage in sorted(self._stages.items())
            if stage.rows.flat
        )
        jobs = [Job(job.id, job.submitted, self._end(job)) for job in self._jobs.values()]
        jobs += _made_up(stages, {job.id for job in jobs})
        return Run(
            app=self._app,
            name=self._name,
            spark=self._spark,
            slots=self._slots(stages),
            executors=tuple(self._executors.values()),
            jobs=tuple(sorted(jobs, key=lambda job: (job.submitted, job.id))),
            stages=stages,
            ended=self._ended,
            scans=tuple(scan for scan in self._scans.values() if scan.files),
            heap=self._heap,
            asked=merged(self._span(name) for name in self._operations),
            truncated=lines.truncated,
            notes=tuple(self._notes(lines)),
        )

    def _notes(self, lines: Lines) -> Iterator[str]:
        yield from lines.notes
        if lines.truncated:
            yield "The log stops in the middle of something: this is what it told until then."
        elif not self._ended:
            yield "The application hadn't ended when this was read."
        if self._broken:
            lines_were = "line of the log was" if self._broken == 1 else "lines of the log were"
            yield f"{self._broken:,} {lines_were} not understood and passed over."

    def _end(self, job: Job) -> float:
        return max(job.submitted, self._last if job.id in self._open else job.ended)

    def _span(self, operation: str) -> Span:
        since, until = self._operations[operation]
        return since, self._last if operation in self._running else until

    def _job(self, number: int, stage: _Stage) -> int:
        return stage.job if stage.job is not None else self._job_of.get(number, -1)

    def _slots(self, stages: tuple[Stage, ...]) -> int:
        """Slots at once, at most: of executors, or of tasks where the log tells of no executor."""
        changes = [(e.added, e.cores // self._task_cpus) for e in self._executors.values()]
        changes += [
            (e.removed, -(e.cores // self._task_cpus)) for e in self._executors.values() if e.removed is not None
        ]
        if not any(amount > 0 for _, amount in changes):
            changes = [(float(at), 1) for stage in stages for at in stage.tasks.column(Column.LAUNCH)]
            changes += [(float(at), -1) for stage in stages for at in stage.tasks.column(Column.FINISH)]
        most = now = 0
        for _, amount in sorted(changes):
            now += amount
            most = max(most, now)
        return max(most, 1)

    def _log_start(self, event: Event) -> None:
        self._spark = str(event["Spark Version"])[:LONGEST_NAME]

    def _application_start(self, event: Event) -> None:
        self._app = str(event.get("App ID") or "")[:LONGEST_NAME]
        self._name = str(event["App Name"])[:LONGEST_NAME]
        self._last = float(event["Timestamp"])

    def _application_end(self, event: Event) -> None:
        self._ended = True
        self._last = max(self._last, float(event["Timestamp"]))

    def _environment(self, event: Event) -> None:
        properties = event["Spark Properties"]
        self._task_cpus = max(1, int(properties.get("spark.task.cpus", 1)))
        self._heap = _bytes(properties.get("spark.executor.memory", ""))

    def _executor_added(self, event: Event) -> None:
        info, name = event["Executor Info"], event["Executor ID"]
        self._executors[name] = Executor(name, info["Host"], int(info["Total Cores"]), float(event["Timestamp"]))

    def _executor_removed(self, event: Event) -> None:
        there = self._executors.get(event["Executor ID"])
        if there is not None and there.removed is None:  # a standalone master may tell it twice
            self._executors[there.id] = Executor(
                there.id, there.host, there.cores, there.added, float(event["Timestamp"])
            )

    def _job_start(self, event: Event) -> None:
        if (event.get("Properties") or {}).get("spark.scheduler.pool") == WARM_UP:
            self._nobodys.update(event["Stage IDs"])
            return
        job, at = int(event["Job ID"]), float(event["Submission Time"])
        self._jobs[job] = Job(job, at, at)
        self._open.add(job)
        self._last = max(self._last, at)
        for number in event["Stage IDs"]:
            self._job_of[number] = job  # until the stage is submitted, its job is the newest that wants it

    def _job_end(self, event: Event) -> None:
        job, at = int(event["Job ID"]), float(event["Completion Time"])
        self._last = max(self._last, at)
        if job in self._jobs:
            self._jobs[job] = Job(job, self._jobs[job].submitted, at)
            self._open.discard(job)

    def _stage(self, event: Event) -> None:
        info = event["Stage Info"]
        if info["Stage ID"] in self._nobodys:
            return
        stage = self._stages.setdefault(int(info["Stage ID"]), _Stage())
        if not stage.name:
            stage.name = _label(info)
            stage.parents = tuple(info.get("Parent IDs") or ())
            stage.job = self._job_of.get(int(info["Stage ID"]))

    def _stage_done(self, event: Event) -> None:
        """The time in Python is told by accumulables only, which for a whole stage are few."""
        self._stage(event)
        info = event["Stage Info"]
        if info["Stage ID"] in self._nobodys:
            return
        told = (float(one["Value"]) for one in info.get("Accumulables", ()) if one.get("Name") == IN_PYTHON)
        self._stages[int(info["Stage ID"])].python += sum(told)

    def _task_end(self, event: Event) -> None:
        if event["Stage ID"] in self._nobodys:
            return
        info = event["Task Info"]
        finish = float(info["Finish Time"])
        self._last = max(self._last, finish)
        row = array("d", self._row(event, info, finish))  # whole or not at all: half a row would shift all that follow
        self._stages.setdefault(int(event["Stage ID"]), _Stage()).rows.flat.extend(row)

    def _row(self, event: Event, info: Event, finish: float) -> tuple[float, ...]:
        """A task in the order of :class:`Column`. One that failed may have no metrics."""
        metrics = event.get("Task Metrics") or {}
        get = metrics.get
        read, written = get("Shuffle Read Metrics") or {}, get("Shuffle Write Metrics") or {}
        remote = read.get("Remote Bytes Read", 0)
        executor = self._numbers.setdefault(info["Executor ID"], len(self._numbers))
        getting = info.get("Getting Result Time", 0)
        return (
            info["Launch Time"],
            finish,
            get("Executor Run Time", 0),
            get("Executor CPU Time", 0) * NS,
            get("JVM GC Time", 0),
            get("Executor Deserialize Time", 0),
            get("Result Serialization Time", 0),
            finish - getting if getting else 0.0,
            read.get("Fetch Wait Time", 0),
            written.get("Shuffle Write Time", 0) * NS,
            get("Memory Bytes Spilled", 0),
            get("Disk Bytes Spilled", 0),
            (get("Input Metrics") or {}).get("Bytes Read", 0),
            (get("Output Metrics") or {}).get("Bytes Written", 0),
            remote + read.get("Local Bytes Read", 0),
            remote,
            written.get("Shuffle Bytes Written", 0),
            (event.get("Task Executor Metrics") or {}).get("JVMHeapMemory", 0),
            executor,
            info["Index"],
            OUTCOMES.get(event["Task End Reason"]["Reason"], Outcome.FAILED),
        )

    def _plan(self, event: Event) -> None:
        """Which accumulators count the files of scans; a plan made anew while it runs brings the same ones."""
        self._scans.setdefault(event["executionId"], Scan(float(event.get("time", 0)), 0, 0))
        nodes = [event["sparkPlanInfo"]]
        while nodes:
            node = nodes.pop()
            nodes += node["children"]
            for metric in node["metrics"]:
                if metric["name"] in (NUMBER_OF_FILES, SIZE_OF_FILES):
                    self._file_metrics[metric["accumulatorId"]] = metric["name"]

    def _operation_started(self, event: Event) -> None:
        at = float(event["eventTime"])
        self._operations[event["operationId"]] = (at, at)
        self._running.add(event["operationId"])
        self._last = max(self._last, at)

    def _operation_ended(self, event: Event) -> None:
        """Once when it has run and once when its results are sent; the later counts."""
        name, at = event["operationId"], float(event["eventTime"])
        self._operations[name] = (self._operations.get(name, (at, at))[0], at)
        self._running.discard(name)
        self._last = max(self._last, at)

    def _driver_updates(self, event: Event) -> None:
        scan = self._scans.get(event["executionId"])
        if scan is None:
            return
        found = {NUMBER_OF_FILES: scan.files, SIZE_OF_FILES: scan.size}
        for accumulator, value in event["accumUpdates"]:
            if name := self._file_metrics.get(accumulator):
                found[name] += value
        self._scans[event["executionId"]] = Scan(scan.at, found[NUMBER_OF_FILES], found[SIZE_OF_FILES])


def _without_accumulables(line: bytes) -> bytes:
    """The end of a task without its accumulables, which are most of it.

    Quotes within strings are escaped, so these are none.
    """
    start = line.find(ACCUMULABLES)
    if start < 0:
        return line
    for after in AFTER_ACCUMULABLES:
        end = line.find(after, start)
        if end > 0:
            return line[:start] + b'"Accumulables":[]},' + line[end:]
    return line


def _bytes(size: str) -> int:
    """A size as Spark's settings write it (``4g``, ``512m``); 0 for what isn't one. Bare numbers are MiB."""
    match = SIZE.fullmatch(size.strip().lower())
    return int(match[1]) << UNITS[match[2]] if match else 0


def _label(info: Event) -> str:
    """A stage in a few words: where it was called, or for Spark Connect, which tells none, what it does."""
    name = str(info["Stage Name"]).strip().partition("\n")[0][:LONGEST_NAME]
    if not name.startswith("Spark Connect"):
        return name
    scopes = (orjson.loads(rdd["Scope"])["name"] for rdd in info.get("RDD Info", ()) if rdd.get("Scope"))
    return ", ".join(dict.fromkeys(scopes))[:LONGEST_NAME] or "Spark Connect"


def _made_up(stages: tuple[Stage, ...], known: set[int]) -> list[Job]:
    """Jobs that stages ran for and the log doesn't tell of: its beginning is missing."""
    spans: dict[int, tuple[float, float]] = {}
    for stage in stages:
        if stage.job not in known:
            first, last = spans.get(stage.job, (float("inf"), 0.0))
            launch, finish = stage.tasks.column(Column.LAUNCH), stage.tasks.column(Column.FINISH)
            spans[stage.job] = (min(first, float(launch.min())), max(last, float(finish.max())))
    return [Job(job, *span) for job, span in spans.items()]
