"""A run as its event log tells it: jobs, stages, executors, and what each task spent its time on.

Instants are milliseconds since 1970, as in the log; lengths in milliseconds unless a name says otherwise.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Span = tuple[float, float]


class Column(IntEnum):
    """What is kept of a task. Times in ms, sizes in bytes."""

    LAUNCH = 0
    FINISH = 1
    RUN = 2
    CPU = 3
    GC = 4
    DESERIALISE = 5
    SERIALISE = 6
    GETTING = 7
    FETCH = 8
    WRITE = 9
    SPILLED_MEMORY = 10
    SPILLED_DISK = 11
    INPUT = 12
    OUTPUT = 13
    SHUFFLE_READ = 14
    SHUFFLE_REMOTE = 15
    SHUFFLE_WRITTEN = 16
    HEAP = 17
    EXECUTOR = 18
    PARTITION = 19
    OUTCOME = 20


class Outcome(IntEnum):
    """How a task ended."""

    KILLED = -1
    FAILED = 0
    GOOD = 1


@dataclass(slots=True)
class Rows:
    """Tasks as they are read: one flat array of 8 bytes a number, 168 bytes a task."""

    flat: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True)
class Tasks:
    """The tasks of a stage, all attempts, in the order of their launch.

    Attributes:
        table: one row a task, one column a :class:`Column`.
    """

    table: Numbers

    @classmethod
    def of(cls, rows: Rows) -> Tasks:
        """Sorted by launch."""
        table = np.frombuffer(rows.flat, dtype=np.float64).reshape(-1, len(Column))
        return cls(table[np.argsort(table[:, Column.LAUNCH], kind="stable")])

    def __len__(self) -> int:
        return len(self.table)

    def column(self, column: Column) -> Numbers:
        """One number of every task."""
        return self.table[:, column]

    def total(self, column: Column) -> float:
        """The sum of a column."""
        return float(self.table[:, column].sum())

    @cached_property
    def good(self) -> npt.NDArray[np.bool_]:
        """Which tasks succeeded."""
        return np.equal(self.column(Column.OUTCOME), Outcome.GOOD)

    @cached_property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Which failed; one that was killed, as another was faster or nobody waited any more, didn't."""
        return np.equal(self.column(Column.OUTCOME), Outcome.FAILED)

    @cached_property
    def durations(self) -> Numbers:
        """How long each held its slot."""
        return np.maximum(self.column(Column.FINISH) - self.column(Column.LAUNCH), 0.0)

    @cached_property
    def residual(self) -> Numbers:
        """Run time that is neither CPU, collection, fetch wait nor shuffle write: disks, storage, Python, waiting."""
        known = sum(self.column(part) for part in (Column.CPU, Column.GC, Column.FETCH, Column.WRITE))
        return np.maximum(self.column(Column.RUN) - known, 0.0)

    @cached_property
    def delays(self) -> Numbers:
        """Time in a slot that was neither run nor (de)serialisation nor the fetching of results: the scheduler's."""
        known = sum(self.column(c) for c in (Column.RUN, Column.DESERIALISE, Column.SERIALISE, Column.GETTING))
        return np.maximum(self.durations - known, 0.0)

    @cached_property
    def wall(self) -> float:
        """From the first launch to the last finish."""
        return float(self.column(Column.FINISH).max() - self.column(Column.LAUNCH).min()) if len(self) else 0.0


@dataclass(frozen=True)
class Stage:
    """A stage that ran.

    Attributes:
        parents: stages whose output it reads, whether or not they ran in this log.
        job: the job that it ran for.
        python: how long its tasks had Python functions run for them, in ms, all together; known when the stage is done.
    """

    id: int
    name: str
    parents: tuple[int, ...]
    job: int
    tasks: Tasks
    python: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """A job; ``ended`` is the last event's instant where it hadn't."""

    id: int
    submitted: float
    ended: float


@dataclass(frozen=True, slots=True)
class Scan:
    """What a query's scans read, as the driver counted it when it listed the files.

    Attributes:
        at: when the query began.
        files, size: how many, and their bytes.
    """

    at: float
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Executor:
    """Where tasks ran; ``removed`` is None where it stayed."""

    id: str
    host: str
    cores: int
    added: float
    removed: float | None = None


@dataclass(frozen=True)
class Run:
    """An application's run.

    Attributes:
        slots: tasks that could run at once, at most.
        ended: whether the log says that the application ended.
        scans: the files that queries read.
        heap: bytes that each executor's heap may take, as configured; 0 where the log doesn't tell.
        asked: with Spark Connect, when the server was at work for somebody; between, it waited for people. Empty
            without Connect.
        truncated: whether the log stops in the middle of something.
        notes: what else a reader should know, as sentences.
    """

    app: str
    name: str
    spark: str
    slots: int
    executors: tuple[Executor, ...]
    jobs: tuple[Job, ...]
    stages: tuple[Stage, ...]
    ended: bool
    scans: tuple[Scan, ...] = ()
    heap: int = 0
    asked: tuple[Span, ...] = ()
    truncated: bool = False
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """How many files scans read; one that was read twice counts twice."""
        return sum(scan.files for scan in self.scans)

    @property
    def file_bytes(self) -> int:
        """Their bytes."""
        return sum(scan.size for scan in self.scans)

    @cached_property
    def pauses(self) -> tuple[Span, ...]:
        """When no job ran, between the first and the last."""
        jobs = merged((job.submitted, job.ended) for job in self.jobs)
        return tuple((end, start) for (_, end), (start, _) in pairwise(jobs))

    @cached_property
    def driver(self) -> float:
        """What of the pauses was the driver's, and not people's, in ms."""
        return sum(self.awaited(*pause) for pause in self.pauses)

    @cached_property
    def wall(self) -> float:
        """From the first job's submission to the last job's end, without what was spent waiting for people; ms."""
        if not self.jobs:
            return 0.0
        span = max(job.ended for job in self.jobs) - self.jobs[0].submitted
        return span - sum(end - start for start, end in self.pauses) + self.driver

    def awaited(self, since: float, until: float) -> float:
        """How long of a span somebody waited for Spark, in ms: all of it where that isn't known."""
        if not self.asked:
            return max(0.0, until - since)
        return sum(max(0.0, min(until, end) - max(since, start)) for start, end in self.asked)

    def total(self, column: Column) -> float:
        """The sum of a column over all tasks."""
        return sum(stage.tasks.total(column) for stage in self.stages)


def between(run: Run, since: float, until: float) -> Run:
    """The part of a run that was submitted in ``[since, until)``, ms since 1970: one query of a booking that lasts a day."""
    jobs = tuple(job for job in run.jobs if since <= job.submitted < until)
    kept = {job.id for job in jobs}
    stages = tuple(stage for stage in run.stages if stage.job in kept)
    asked = tuple((max(start, since), end) for start, end in run.asked if end > since and start < until)
    scans = tuple(scan for scan in run.scans if since <= scan.at < until)
    return replace(run, jobs=jobs, stages=stages, asked=asked, scans=scans)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that touch or overlap, as one; in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)
