"""Rules about how work is spread over tasks, slots and time. Each returns what it found, or None."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt

from almanac.diagnosis.findings import Finding, Level, Remedy, level
from almanac.diagnosis.run import Column, Numbers, Run, Stage

SKEW = (2, 4, 8, 16)
LONGEST_OF_STAGE = 0.75
EXCESS_MS = 1000
LONG_TASK_MINUTES = (2.5, 5, 10, 15)
LARGE_PARTITION = 5 * 10**9
LITTLE = 10**6
FAILED = (0.05, 0.1, 0.15, 0.2)
DRIVER = (0.5, 0.65, 0.8, 0.9)
MANY, SMALL_MS = 5000, 500
PIECES_PER_SLOT = 2
MOST_PIECES = 200_000
"""Of a stage, in a replay: whatever a damaged log says, there are no more."""
SAME_DATA = 1.5
"""Where the longest task read at most this many times what the median one did, its data isn't why it took longer."""


def driver(run: Run) -> Finding | None:
    """Time between jobs, in which no executor has anything to do, is most of the run.

    Saved: a replay without the pauses. People's pauses aren't counted where Spark Connect tells them.
    """
    share = run.driver / run.wall if run.wall else 0.0
    found = level(share, DRIVER)
    if found is None:
        return None
    return Finding(
        "driver",
        "The driver works alone",
        found,
        {"between_jobs_s": run.driver / 1000, "between_jobs_share": share, "jobs": len(run.jobs)},
        "Executors wait while the driver computes between jobs. Keep the work in data frames instead of collecting "
        "rows, don't loop over rows in Python, and put many small actions into one.",
        Remedy(pauses=0.0),
        shape=True,
    )


def failures(run: Run) -> Finding | None:
    """Tasks failed and were run again.

    Saved: a replay in which failed tasks, and good ones that compute a partition again, take no time.
    """
    failed = sum(int(stage.tasks.failed.sum()) for stage in run.stages)
    total = sum(len(stage.tasks) for stage in run.stages)
    found = level(failed / total if total else 0.0, FAILED)
    if found is None:
        return None
    lost = sum(float(stage.tasks.durations[stage.tasks.failed].sum()) for stage in run.stages) / 1000
    removed = sum(executor.removed is not None for executor in run.executors)
    return Finding(
        "failures",
        "Tasks fail and run again",
        found,
        {"failed_tasks": failed, "failed_share": failed / total, "lost_s": lost, "executors_removed": removed},
        "Look for the first failure in the logs of the executors. Out of memory: fewer cores or more memory for "
        "each executor, or smaller partitions. A bad record: catch it where it is read.",
        Remedy(_once, tuple(stage.id for stage in run.stages)),
        shape=True,
    )


def _once(stage: Stage, lengths: Numbers) -> Numbers:
    """Lengths with each partition computed once."""
    tasks = stage.tasks
    first: npt.NDArray[np.bool_] = np.zeros(len(tasks), dtype=bool)
    good = np.flatnonzero(tasks.good)
    _, places = np.unique(tasks.column(Column.PARTITION)[good], return_index=True)
    first[good[places]] = True
    return np.where(tasks.failed | (tasks.good & ~first), 0.0, lengths)


def skew(run: Run) -> Finding | None:
    """One task takes much longer than the median, and its stage waits for it.

    Saved: a replay in which each such stage's tasks share its work equally.
    """
    skewed = [stage for stage in run.stages if _ratio(stage) >= SKEW[0] and _holds_up(stage)]
    if not skewed:
        return None
    worst = max(skewed, key=lambda stage: float(stage.tasks.durations.max()))
    lengths = worst.tasks.durations[worst.tasks.good]
    longest = int(np.argmax(np.where(worst.tasks.good, worst.tasks.durations, 0)))
    read = worst.tasks.column(Column.INPUT) + worst.tasks.column(Column.SHUFFLE_READ)
    usual = float(np.median(read[worst.tasks.good]))
    by_data = float(read[longest]) > SAME_DATA * usual
    advice = (
        "Its longest task reads far more than the others: a few keys hold most rows. Add a salt to the key, "
        "aggregate before the join, broadcast the smaller side, or let spark.sql.adaptive.skewJoin split it."
        if by_data
        else "Its longest task reads no more than the others, so its rows cost more each, or its machine is slow: "
        "spread costly rows over partitions (repartition by something else), and look at that executor's node."
    )
    return Finding(
        "skew",
        f"Stage {worst.id} waits for its longest task",
        level(_ratio(worst), SKEW) or Level.LOW,
        {
            "stage": worst.id,
            "stage_name": worst.name,
            "longest_task_s": float(lengths.max()) / 1000,
            "median_task_s": float(np.median(lengths)) / 1000,
            "longest_reads_bytes": float(read[longest]),
            "median_reads_bytes": usual,
            "skewed_stages": len(skewed),
        },
        advice,
        Remedy(_level_out, tuple(stage.id for stage in skewed)),
        shape=True,
    )


def _ratio(stage: Stage) -> float:
    lengths = stage.tasks.durations[stage.tasks.good]
    median = float(np.median(lengths)) if len(lengths) else 0.0
    return float(lengths.max()) / median if median > 0 else 0.0


def _holds_up(stage: Stage) -> bool:
    lengths = stage.tasks.durations[stage.tasks.good]
    longest = float(lengths.max())
    return longest > LONGEST_OF_STAGE * stage.tasks.wall and longest - float(lengths.mean()) >= EXCESS_MS


def _level_out(_stage: Stage, lengths: Numbers) -> Numbers:
    """The same work in tasks of one length; those that were taken out stay so."""
    there = lengths > 0
    return np.where(there, lengths[there].mean() if there.any() else 0.0, 0.0)


def few_partitions(run: Run) -> Finding | None:
    """A stage has fewer tasks than there are slots, or tasks of minutes, or partitions of many GB.

    Saved: a replay in which its tasks are cut into equal pieces, two for each slot; what makes a task longer than two
    median ones isn't cut, as more partitions don't divide a key.
    """
    found = [(stage, reach) for stage in run.stages if (reach := _coarse(run, stage)) is not None]
    if not found:
        return None
    worst, _ = max(found, key=lambda pair: pair[0].tasks.wall)
    lengths = worst.tasks.durations[worst.tasks.good]
    wanted = _pieces(run.slots, len(lengths), float(np.median(lengths))) * len(lengths)
    return Finding(
        "few_partitions",
        f"Stage {worst.id} has too few partitions",
        max(reach for _, reach in found),
        {
            "stage": worst.id,
            "stage_name": worst.name,
            "tasks": len(lengths),
            "slots": run.slots,
            "median_task_s": float(np.median(lengths)) / 1000,
            "largest_partition_bytes": float(_partition_bytes(worst).max()),
            "coarse_stages": len(found),
        },
        f"Cut it finer: repartition({wanted}) before it, or a higher spark.sql.shuffle.partitions; for a scan, a "
        "lower spark.sql.files.maxPartitionBytes and files that can be split.",
        Remedy(partial(_cut, run.slots), tuple(stage.id for stage, _ in found)),
        shape=True,
    )


def _coarse(run: Run, stage: Stage) -> Level | None:
    """How far a stage's tasks are too few or too big for its slots."""
    lengths = stage.tasks.durations[stage.tasks.good]
    if not len(lengths) or stage.tasks.wall < EXCESS_MS or _gathers_little(stage):
        return None
    reached = [level(float(np.median(lengths)) / 60_000, LONG_TASK_MINUTES)]
    if len(lengths) < run.slots:
        reached.append(level(run.slots / len(lengths), (1, 2, 4, 8)))
    if float(_partition_bytes(stage).max()) > LARGE_PARTITION:
        reached.append(Level.MODERATE)
    return max((one for one in reached if one is not None), default=None)


def _gathers_little(stage: Stage) -> bool:
    """The last step of a sum or a count: a few rows from each task before, and nothing to divide."""
    return bool(stage.parents) and float(_partition_bytes(stage).sum()) < LITTLE


def _partition_bytes(stage: Stage) -> Numbers:
    return stage.tasks.column(Column.INPUT) + stage.tasks.column(Column.SHUFFLE_READ)


def _pieces(slots: int, tasks: int, median: float) -> int:
    """Into how many pieces each task is cut: two for each slot, none longer than the rule allows."""
    wanted = max(math.ceil(PIECES_PER_SLOT * slots / tasks), math.ceil(median / (LONG_TASK_MINUTES[0] * 60_000)))
    return max(1, min(wanted, MOST_PIECES // tasks))


def _cut(slots: int, _stage: Stage, lengths: Numbers) -> Numbers:
    there = lengths[lengths > 0]
    if not len(there):
        return lengths
    median = float(np.median(there))
    pieces = _pieces(slots, len(there), median)
    excess = np.where(there > SKEW[0] * median, there - median, 0.0)
    finer = np.repeat((there - excess) / pieces, pieces)
    finer[::pieces] += excess
    return finer


def small_tasks(run: Run) -> Finding | None:
    """Thousands of tasks so short that starting them costs more than they do.

    Saved: a replay in which a task takes its run time only.
    """
    tiny = [stage for stage in run.stages if has_small_tasks(stage)]
    if not tiny:
        return None
    worst = max(tiny, key=lambda stage: len(stage.tasks))
    return Finding(
        "small_tasks",
        f"Stage {worst.id} has too many small tasks",
        level(len(worst.tasks) / MANY, (1, 2, 4, 8)) or Level.LOW,
        {
            "stage": worst.id,
            "stage_name": worst.name,
            "tasks": len(worst.tasks),
            "median_task_s": float(np.median(worst.tasks.durations)) / 1000,
            "overhead_s": float((worst.tasks.durations - worst.tasks.column(Column.RUN)).clip(0).sum()) / 1000,
        },
        f"Use fewer, larger partitions: coalesce({max(3 * run.slots, 1)}), or let "
        "spark.sql.adaptive.coalescePartitions join them.",
        Remedy(lambda stage, lengths: np.minimum(lengths, stage.tasks.column(Column.RUN)), tuple(s.id for s in tiny)),
    )


def has_small_tasks(stage: Stage) -> bool:
    """Whether a stage consists of very many very short tasks."""
    return len(stage.tasks) > MANY and float(np.median(stage.tasks.durations)) < SMALL_MS
