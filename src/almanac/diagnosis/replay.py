"""A run played again: its measured tasks scheduled on so many slots, respecting jobs, stages and the driver's pauses.

List scheduling as Spark's FIFO scheduler does it: a stage may start when its parents are done, earlier jobs and stages
go first, a free slot takes the next task. Graham (1969) bounds what any other order could gain.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from almanac.diagnosis.run import Numbers, Run


@dataclass(frozen=True, slots=True)
class JobStart:
    """When a job is submitted: so long after all jobs that had ended by then, counted by their end, were done.

    Attributes:
        after: how many.
        pause: what the driver did meanwhile, in ms.
        alone: how long the job took by itself where no task ran for it, in ms.
    """

    id: int
    after: int
    pause: float
    alone: float


@dataclass(frozen=True)
class Workload:
    """What is scheduled: the same for every replay of a run.

    Attributes:
        jobs: in the order of their submission.
        ended: the jobs' places in ``jobs``, in the order of their end.
        stages: of each place, its stages' numbers.
        parents: of each stage, those parents that ran for the same job.
        durations: of each stage, its tasks' lengths in ms in the order of their launch.
    """

    jobs: tuple[JobStart, ...]
    ended: tuple[int, ...]
    stages: Mapping[int, tuple[int, ...]]
    parents: Mapping[int, tuple[int, ...]]
    durations: Mapping[int, Numbers]

    @property
    def work(self) -> float:
        """The length of all tasks, in ms."""
        return float(sum(lengths.sum() for lengths in self.durations.values()))


def workload(run: Run) -> Workload:
    """A run as what can be scheduled anew."""
    place = {job.id: number for number, job in enumerate(run.jobs)}
    stages: dict[int, list[int]] = defaultdict(list)
    for stage in run.stages:
        stages[place[stage.job]].append(stage.id)
    job_of = {stage.id: stage.job for stage in run.stages}
    parents = {
        stage.id: tuple(p for p in stage.parents if p != stage.id and job_of.get(p) == stage.job)
        for stage in run.stages
    }
    ended = sorted(range(len(run.jobs)), key=lambda number: (run.jobs[number].ended, number))
    rank = {number: before for before, number in enumerate(ended)}
    ends = np.array([run.jobs[number].ended for number in ended])
    starts = []
    for number, job in enumerate(run.jobs):
        after = min(int(np.searchsorted(ends, job.submitted, side="right")), rank[number])  # never for itself
        since = ends[after - 1] if after else run.jobs[0].submitted
        alone = 0.0 if stages[number] else job.ended - job.submitted
        starts.append(JobStart(job.id, after, run.awaited(float(since), job.submitted), alone))
    return Workload(
        jobs=tuple(starts),
        ended=tuple(ended),
        stages={number: tuple(sorted(ids)) for number, ids in stages.items()},
        parents=parents,
        durations={stage.id: stage.tasks.durations for stage in run.stages},
    )


def replay(work: Workload, slots: int, durations: Mapping[int, Numbers] | None = None, *, pauses: float = 1.0) -> float:
    """How long it takes, in ms.

    Args:
        work: what is scheduled.
        slots: tasks at once.
        durations: stages whose tasks are others than measured.
        pauses: the driver's pauses, as a share of those measured.
    """
    return _Replay(work, slots, durations or {}, pauses).play()


class _Replay:
    """One replay: what is free, what is ready, what ends next."""

    def __init__(self, work: Workload, slots: int, changed: Mapping[int, Numbers], pauses: float) -> None:
        self._work, self._free, self._pauses = work, slots, pauses
        lengths = {stage: changed.get(stage, measured) for stage, measured in work.durations.items()}
        self._tasks = {stage: iter(one.tolist()) for stage, one in lengths.items()}
        self._unfinished = {stage: len(one) for stage, one in lengths.items()}
        self._missing = {stage: len(parents) for stage, parents in work.parents.items()}
        self._children: dict[int, list[int]] = defaultdict(list)
        for stage, parents in work.parents.items():
            for parent in parents:
                self._children[parent].append(stage)
        self._job_of = {stage: job for job, stages in work.stages.items() for stage in stages}
        self._open = [len(work.stages.get(number, ())) for number in range(len(work.jobs))]
        self._done = [False] * len(work.jobs)
        self._released = self._prefix = 0
        self._ready: list[tuple[int, int]] = []
        self._events: list[tuple[float, int, int]] = []  # when, what (a job's start, a job's end, a task's), which

    def play(self) -> float:
        """Until nothing is left; returns when that is."""
        now = 0.0
        self._release(now)
        while self._events:
            now, kind, which = heapq.heappop(self._events)
            if kind == 2:
                self._free += 1
                self._task_done(which, now)
            elif kind == 1:
                self._job_done(which, now)
            else:
                self._job_start(which, now)
            if self._free and self._ready:
                self._assign(now)
        return now

    def _assign(self, now: float) -> None:
        while self._free and self._ready:
            stage = self._ready[0][1]
            for length in self._tasks[stage]:
                heapq.heappush(self._events, (now + length, 2, stage))
                self._free -= 1
                if not self._free:
                    return
            heapq.heappop(self._ready)

    def _release(self, now: float) -> None:
        """Jobs are released in the order of their submission: a later one never waits for fewer."""
        jobs = self._work.jobs
        while self._released < len(jobs) and jobs[self._released].after <= self._prefix:
            job = jobs[self._released]
            heapq.heappush(self._events, (now + job.pause * self._pauses, 0, self._released))
            self._released += 1

    def _job_start(self, number: int, now: float) -> None:
        if not self._open[number]:
            heapq.heappush(self._events, (now + self._work.jobs[number].alone, 1, number))
            return
        for stage in self._work.stages[number]:
            if not self._missing[stage]:
                self._make_ready(stage, now)

    def _make_ready(self, stage: int, now: float) -> None:
        if self._unfinished[stage]:
            heapq.heappush(self._ready, (self._job_of[stage], stage))
        else:
            self._stage_done(stage, now)

    def _task_done(self, stage: int, now: float) -> None:
        self._unfinished[stage] -= 1
        if not self._unfinished[stage]:
            self._stage_done(stage, now)

    def _stage_done(self, stage: int, now: float) -> None:
        for child in self._children[stage]:
            self._missing[child] -= 1
            if not self._missing[child]:
                self._make_ready(child, now)
        job = self._job_of[stage]
        self._open[job] -= 1
        if not self._open[job]:
            self._job_done(job, now)

    def _job_done(self, number: int, now: float) -> None:
        self._done[number] = True
        ended = self._work.ended
        while self._prefix < len(ended) and self._done[ended[self._prefix]]:
            self._prefix += 1
        self._release(now)
