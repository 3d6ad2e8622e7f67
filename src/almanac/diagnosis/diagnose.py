"""Why a run took as long as it did: causes, ranked by what the run would take without them.

What a cause costs is the difference of two replays (``replay``), of the run as measured and of the run without it, so
what the model gets wrong of both cancels. Causes overlap: what several save together is less than their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from almanac.diagnosis import costs, spread
from almanac.diagnosis.findings import Finding, Platform, Remedy, level
from almanac.diagnosis.replay import Workload, replay, workload
from almanac.diagnosis.run import Column, Numbers, Run, Stage
from almanac.diagnosis.spent import Spent, busy, spent
from almanac.diagnosis.what_if import Estimate, estimates

LEAST_S, LEAST_SHARE = 1.0, 0.05
"""A cause whose removal saves less than a second, or than a twentieth of the run, isn't worth anybody's time."""
TOO_SMALL, TOO_BIG = 0.95, 0.7
IDLE = (0.4, 0.5, 0.65, 0.8)


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause.

    Attributes:
        kind: one word for programs. title: for people. level: "low" to "critical", how far it is from what it should
            be.
        saved_s: what the run would take less without it. saved_share: of the run, 0 to 1.
        evidence: names and numbers; a name ends with its unit: ``_s``, ``_bytes``, ``_share``, ``_bytes_per_s``.
        advice: what to change.
        capacity: whether nothing is wrong, and only more machines would remove it.
    """

    kind: str
    title: str
    level: str
    saved_s: float
    saved_share: float
    evidence: Mapping[str, float | int | str]
    advice: str
    capacity: bool = False


@dataclass(frozen=True, slots=True)
class StageTime:
    """A stage in numbers; times in seconds."""

    id: int
    name: str
    job: int
    tasks: int
    failed: int
    wall_s: float
    median_task_s: float
    longest_task_s: float
    read_bytes: float
    spent: Spent


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What became of a run's time.

    Attributes:
        wall_s: from the first job to the last, without what was spent waiting for people.
        busy_share: of the slots, while it ran.
        model_error: what the replay of the run as it was takes more (or less, below 0) than it took, as a share.
        causes: dearest first; what only more machines remove comes after what is wrong.
        what_if: the run on other sizes.
    """

    app: str
    name: str
    spark: str
    ended: bool
    wall_s: float
    slots: int
    executors: int
    busy_share: float
    model_error: float
    spent: Spent
    causes: tuple[Cause, ...]
    what_if: tuple[Estimate, ...]
    stages: tuple[StageTime, ...]
    notes: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not any(not cause.capacity for cause in self.causes)


def diagnose(run: Run, platform: Platform | None = None) -> Diagnosis:
    """The diagnosis of a run, whether or not it has ended."""
    known = platform or Platform()
    work = workload(run)
    base = replay(work, run.slots)
    return Diagnosis(
        app=run.app,
        name=run.name,
        spark=run.spark,
        ended=run.ended,
        wall_s=run.wall / 1000,
        slots=run.slots,
        executors=len(run.executors),
        busy_share=busy(run),
        model_error=base / run.wall - 1 if run.wall else 0.0,
        spent=spent(stage.tasks for stage in run.stages),
        causes=_causes(run, known, work, base),
        what_if=estimates(run, known, work, base),
        stages=tuple(_stage_time(stage) for stage in run.stages),
        notes=(*run.notes, *_memory(run), *_conditions(known)),
    )


def shortened(found: Diagnosis, most: int) -> Diagnosis:
    """The same with so many stages at most: those that took longest, in their order."""
    if len(found.stages) <= most:
        return found
    longest = sorted(found.stages, key=lambda stage: -stage.wall_s)[:most]
    note = f"Of {len(found.stages):,} stages, the {most} longest are listed."
    return replace(found, stages=tuple(sorted(longest, key=lambda stage: stage.id)), notes=(*found.notes, note))


def _causes(run: Run, platform: Platform, work: Workload, base: float) -> tuple[Cause, ...]:
    findings = list(_findings(run, platform))
    found = [_cause(finding, base, base - _without(run, work, finding.remedy)) for finding in findings]
    idle = _idle(run, work, base, [finding for finding in findings if finding.shape])
    worth = [cause for cause in (*found, *idle) if cause.saved_s >= LEAST_S and cause.saved_share >= LEAST_SHARE]
    return tuple(sorted(worth, key=lambda cause: (cause.capacity, -cause.saved_s, cause.kind)))


def _findings(run: Run, platform: Platform) -> Iterator[Finding]:
    plain = (
        spread.failures,
        spread.skew,
        spread.few_partitions,
        spread.driver,
        spread.small_tasks,
        costs.collection,
        costs.spill,
        costs.small_files,
        costs.python,
        costs.scheduling,
    )
    judged = (costs.network, costs.processors, costs.oversubscribed, costs.local_disk, costs.storage)
    yield from (finding for rule in plain if (finding := rule(run)) is not None)
    yield from (finding for facing in judged if (finding := facing(run, platform)) is not None)


def _without(run: Run, work: Workload, remedy: Remedy) -> float:
    return replay(work, round(run.slots * remedy.slots), remedy.lengths(run), pauses=remedy.pauses)


def _cause(finding: Finding, base: float, saved: float) -> Cause:
    return Cause(
        kind=finding.kind,
        title=finding.title,
        level=finding.level.name.lower(),
        saved_s=saved / 1000,
        saved_share=saved / base if base else 0.0,
        evidence=finding.evidence,
        advice=finding.advice,
        capacity=finding.capacity,
    )


def _idle(run: Run, work: Workload, base: float, shapes: Sequence[Finding]) -> Iterator[Cause]:
    """Slots with nothing to do that no other rule explains.

    Many short jobs in turn, stages that wait for each other, too many workers. Saved: the replay with skew, coarse
    partitions, failures and the driver's pauses gone, less that work spread perfectly over all slots.
    """
    lengths: dict[int, Numbers] = {}
    pauses = 1.0
    for finding in shapes:
        lengths = finding.remedy.lengths(run, lengths)
        pauses = min(pauses, finding.remedy.pauses)
    mended = replay(work, run.slots, lengths, pauses=pauses)
    held = sum(float(lengths.get(stage, measured).sum()) for stage, measured in work.durations.items())
    perfect = held / run.slots + pauses * sum(job.pause for job in work.jobs)
    share = 1 - busy(run)
    left = 1 - perfect / mended if mended else 0.0
    reached = level(min(share, left), IDLE)
    if reached is None:
        return
    used = {int(number) for stage in run.stages for number in np.unique(stage.tasks.column(Column.EXECUTOR))}
    evidence = {"idle_share": share, "slots": run.slots, "jobs": len(run.jobs), "executors": len(run.executors)}
    evidence["executors_without_a_task"] = max(0, len(run.executors) - len(used))
    finding = Finding("idle", "Slots have nothing to do", reached, evidence, IDLE_ADVICE, Remedy())
    yield _cause(finding, base, mended - perfect)


IDLE_ADVICE = (
    "Run jobs that don't need each other at once (threads, or several seats), join small stages, or book fewer workers."
)


def _memory(run: Run) -> Iterator[str]:
    """Whether executors have the memory that they need. That costs no time by itself, so it is a note and no cause."""
    peak = max((float(stage.tasks.column(Column.HEAP).max()) for stage in run.stages), default=0.0)
    if not run.heap or not peak:
        return
    share = peak / run.heap
    if share > TOO_SMALL:
        yield f"Executors filled {share:.0%} of their heap: they are near to running out of memory."
    elif share < TOO_BIG:
        yield f"Executors never filled more than {share:.0%} of their heap: less memory would do."


def _conditions(platform: Platform) -> Iterator[str]:
    """What the machines went through meanwhile, where somebody watched them."""
    seen = (
        (platform.node_cpu, "processors {:.0%} in use"),
        (platform.cpu_pressure, "something waited for a processor {:.0%} of the time"),
        (platform.io_pressure, "something waited for data {:.0%}"),
        (platform.disk_busy, "the busiest local disk was busy {:.0%}"),
        (platform.steal, "{:.0%} was taken by other guests of the hypervisor"),
    )
    told = [words.format(share) for share, words in seen if share is not None]
    if told:
        yield f"The machines while its tasks ran: {', '.join(told)}."


def _stage_time(stage: Stage) -> StageTime:
    lengths = stage.tasks.durations
    return StageTime(
        id=stage.id,
        name=stage.name,
        job=stage.job,
        tasks=len(stage.tasks),
        failed=int(stage.tasks.failed.sum()),
        wall_s=stage.tasks.wall / 1000,
        median_task_s=float(np.median(lengths)) / 1000,
        longest_task_s=float(lengths.max()) / 1000,
        read_bytes=stage.tasks.total(Column.INPUT) + stage.tasks.total(Column.SHUFFLE_READ),
        spent=spent([stage.tasks]),
    )
