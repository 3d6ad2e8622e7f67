"""Rules about what tasks spend their time on.

Each returns what it found, or None; costs are taken from the tasks that bear them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from almanac.diagnosis.findings import Finding, Level, Platform, Remedy, level
from almanac.diagnosis.run import Column, Numbers, Run, Stage, merged
from almanac.diagnosis.spent import spent
from almanac.diagnosis.spread import has_small_tasks

GC = (0.08, 0.10, 0.15, 0.20)
SPILL = (0.01, 0.1, 0.25, 0.5)
FETCH = (0.1, 0.2, 0.35, 0.5)
DELAY = (0.1, 0.2, 0.35, 0.5)
CPU = (0.8, 0.85, 0.9, 0.95)
PYTHON = (0.3, 0.5, 0.7, 0.9)
LOCAL = (0.2, 0.3, 0.45, 0.6)
WAITED = (0.3, 0.45, 0.6, 0.75)
DISK_BUSY, QUIET, IO_PRESSURE, CALM = 0.8, 0.3, 0.2, 0.5
"""Shares over the run: disks that are busy, disks that are not, much waiting for any storage, processors with time to spare."""
SMALL_FILE, MANY_FILES = 3_000_000, 100
OPEN_MS = 20.0
"""What opening a file costs a task, at least: a listing, its footer and its schema, on a disk nearby.

Object stores take longer.
"""
SPILL_BYTES_PER_MS = 150_000.0
"""What one task spills and reads back, with serialisation and compression: 150 MB/s of data in memory."""
LEAST_BYTES_PER_MS = 100.0
"""Shuffled data at under 100 kB a second isn't held up by its size."""
STORAGE_ADVICE = (
    "Read less: columnar files, partitions and filters that prune, a cache for what is read twice. "
    "More workers won't help."
)
MOST_OF_RUN = 0.8
"""An estimated cost is never more than this share of a task's run time."""


def collection(run: Run) -> Finding | None:
    """Garbage collection takes much of the run time of a stage. Saved: a replay without that time."""
    hit = _where(run, lambda stage: _share(stage, stage.tasks.total(Column.GC)) >= GC[0])
    if not hit:
        return None
    sums = spent(stage.tasks for stage in hit)
    heap = max(float(stage.tasks.column(Column.HEAP).max()) for stage in hit)
    return Finding(
        "gc",
        "Garbage collection",
        level(sums.share(sums.gc), GC) or Level.LOW,
        {"gc_share": sums.share(sums.gc), "gc_s": sums.gc, "peak_heap_bytes": heap, **_named(hit)},
        "Give executors more memory or fewer cores each, cache less or serialised, use built-in functions instead "
        "of row-by-row ones, and smaller partitions.",
        _less(hit, lambda stage: stage.tasks.column(Column.GC)),
    )


def spill(run: Run) -> Finding | None:
    """Data that doesn't fit into memory is written to disk and read back.

    Saved: a replay without an estimate of it: bytes spilled from memory at 150 MB/s a task, at most 80 % of the task's
    run time, as the log measures sizes and no times.
    """
    hit = _where(run, lambda stage: _spilled(stage) >= SPILL[0])
    if not hit:
        return None
    memory = sum(stage.tasks.total(Column.SPILLED_MEMORY) for stage in hit)
    disk = sum(stage.tasks.total(Column.SPILLED_DISK) for stage in hit)
    return Finding(
        "spill",
        "Spilling to disk",
        level(max(_spilled(stage) for stage in hit), SPILL) or Level.LOW,
        {"spilled_memory_bytes": memory, "spilled_disk_bytes": disk, **_named(hit)},
        "Use more, smaller partitions for that stage, or more memory for each core; sort and aggregate fewer columns.",
        _less(hit, lambda stage: _bounded(stage, stage.tasks.column(Column.SPILLED_MEMORY) / SPILL_BYTES_PER_MS)),
    )


def _spilled(stage: Stage) -> float:
    tasks = stage.tasks
    moved = max(
        tasks.total(Column.INPUT),
        tasks.total(Column.OUTPUT),
        tasks.total(Column.SHUFFLE_READ),
        tasks.total(Column.SHUFFLE_WRITTEN),
    )
    memory = tasks.total(Column.SPILLED_MEMORY)
    return memory / moved if moved else float(memory > 0)


def network(run: Run, platform: Platform) -> Finding | None:
    """Tasks wait for shuffled data, and the network is near its reference where that is known.

    Who waits for next to nothing waits for a busy machine and not for the network. Saved: a replay without the waits.
    """
    hit = _where(
        run, lambda stage: _share(stage, stage.tasks.total(Column.FETCH)) > FETCH[0] and _much_is_fetched(stage)
    )
    if not hit or (platform.nic is not None and platform.nic <= 0.7):
        return None
    sums = spent(stage.tasks for stage in hit)
    remote = sum(stage.tasks.total(Column.SHUFFLE_REMOTE) for stage in hit)
    return Finding(
        "network",
        "Waiting for shuffled data",
        level(sums.share(sums.fetch), FETCH) or Level.LOW,
        {"fetch_share": sums.share(sums.fetch), "fetch_s": sums.fetch, "remote_bytes": remote, **_named(hit)},
        "Shuffle less: filter and aggregate before joins, broadcast the small side, drop columns early; or fewer, "
        "larger workers.",
        _less(hit, lambda stage: stage.tasks.column(Column.FETCH)),
    )


def _much_is_fetched(stage: Stage) -> bool:
    """Whether what came during the waits is more than the slowest of networks would carry."""
    return stage.tasks.total(Column.SHUFFLE_READ) >= LEAST_BYTES_PER_MS * stage.tasks.total(Column.FETCH)


def small_files(run: Run) -> Finding | None:
    """Scans read many files of little.

    Saved: a replay in which the stages that read them take 20 ms less for each file, at most 80 % of their run time;
    what opening costs isn't in the log.
    """
    if run.files <= MANY_FILES or run.file_bytes / run.files >= SMALL_FILE:
        return None
    scans = _where(run, lambda stage: stage.tasks.total(Column.INPUT) > 0)
    time = sum(stage.tasks.total(Column.RUN) for stage in scans)
    if not time:
        return None
    share = min(MOST_OF_RUN, run.files * OPEN_MS / time)
    mean = run.file_bytes / run.files
    return Finding(
        "small_files",
        "Many small files",
        level(SMALL_FILE / max(mean, 1), (1, 4, 16, 64)) or Level.LOW,
        {"files": run.files, "mean_file_bytes": mean, **_named(scans)},
        f"Write fewer, larger files: {max(1, round(run.file_bytes / 128e6))} of about 128 MB would hold the same; "
        "coalesce before writing, or compact them once.",
        _less(scans, lambda stage: share * stage.tasks.column(Column.RUN)),
    )


def python(run: Run) -> Finding | None:
    """Tasks wait for Python, which computes row by row what built-in functions do many times as fast.

    Saved: a replay in which the tasks of the stages that call Python take less by its share, at most 80 % of their run
    time. Spark 4.1 and later tell that share; what runs in Python is no CPU time of the executor's.
    """
    hit = _where(run, lambda stage: _share(stage, stage.python) >= PYTHON[0])
    if not hit:
        return None
    sums = spent(stage.tasks for stage in hit)
    share = sums.share(sum(stage.python for stage in hit) / 1000)
    return Finding(
        "python",
        "Python functions",
        level(share, PYTHON) or Level.LOW,
        {"python_share": min(1.0, share), "python_s": share * sums.run, **_named(hit)},
        "Say it with built-in functions (pyspark.sql.functions), which run inside Spark; where Python is needed, take "
        "whole columns at once (pandas_udf, mapInArrow), or book more workers.",
        _less(hit, lambda stage: min(MOST_OF_RUN, _share(stage, stage.python)) * stage.tasks.column(Column.RUN)),
    )


def scheduling(run: Run) -> Finding | None:
    """Tasks wait for the scheduler, or for their code to arrive. Saved: a replay without the delays."""
    hit = _where(run, lambda stage: _delayed(stage) and not has_small_tasks(stage))  # those have a rule of their own
    if not hit:
        return None
    sums = spent(stage.tasks for stage in hit)
    return Finding(
        "scheduling",
        "Waiting for the scheduler",
        level(sums.delay / sums.slots, DELAY) or Level.LOW,
        {"delay_s": sums.delay, "delay_share": sums.delay / sums.slots, **_named(hit)},
        "Use fewer and longer tasks, smaller closures (broadcast what is large), and give the driver more cores.",
        _less(hit, lambda stage: stage.tasks.delays),
    )


def _delayed(stage: Stage) -> bool:
    return float(stage.tasks.delays.sum()) > DELAY[0] * max(1.0, float(stage.tasks.durations.sum()))


def processors(run: Run, platform: Platform) -> Finding | None:
    """The run time is computation, and nodes are busy where that is known.

    Saved: a replay on twice the slots. Nothing is wrong, so it is told after what is.
    """
    sums = spent(stage.tasks for stage in run.stages)
    found = level(sums.share(sums.cpu), CPU)
    if found is None or (platform.node_cpu is not None and platform.node_cpu < 0.85):
        return None
    return Finding(
        "cpu",
        "The processors are the limit",
        found,
        {"cpu_share": sums.share(sums.cpu), "cpu_s": sums.cpu, "slots": run.slots},
        "Book more workers, or compute less: filter early, read fewer columns, use built-in functions.",
        Remedy(slots=2.0),
        capacity=True,
    )


def oversubscribed(run: Run, platform: Platform) -> Finding | None:
    """Tasks wait for a processor.

    Told by the platform's metrics only. Saved: a replay without the time that nothing accounts for.
    """
    sums = spent(stage.tasks for stage in run.stages)
    pressed = (platform.cpu_pressure or 0) >= 0.2 or (platform.steal or 0) >= 0.05
    if not pressed or not sums.run or sums.share(sums.cpu) >= 0.7 or sums.share(sums.fetch) >= 0.05:
        return None
    return Finding(
        "oversubscribed",
        "Tasks wait for a processor",
        level(1 - sums.share(sums.cpu), (0.3, 0.4, 0.55, 0.7)) or Level.LOW,
        {
            "cpu_share": sums.share(sums.cpu),
            "cpu_pressure_share": platform.cpu_pressure or 0.0,
            "steal_share": platform.steal or 0.0,
        },
        "Give executors no more cores than their node has; where the steal is high, ask the operator for another host.",
        _less(run.stages, lambda stage: stage.tasks.residual),
    )


def local_disk(run: Run, platform: Platform) -> Finding | None:
    """Tasks wait for their node's disk.

    Told with the platform's metrics only. Saved: a replay without shuffle writes and the rest.
    """
    sums = spent(stage.tasks for stage in run.stages)
    busy = (platform.disk_busy or 0) > DISK_BUSY
    pressed = busy or ((platform.io_pressure or 0) > IO_PRESSURE and not _disks_are_quiet(platform))
    found = level(sums.share(sums.write + sums.rest), LOCAL)
    if not pressed or found is None:
        return None
    return Finding(
        "local_disk",
        "Waiting for local disks",
        found,
        {"write_and_rest_share": sums.share(sums.write + sums.rest), **_seen_of_disks(platform)},
        "Ask for the flavor with NVMe scratch, or shuffle and spill less.",
        _less(run.stages, lambda stage: stage.tasks.residual + stage.tasks.column(Column.WRITE)),
    )


def storage(run: Run, platform: Platform) -> Finding | None:
    """Scans read nearly as fast as this platform's storage was measured to give; where it wasn't, they wait.

    Saved: a replay without the rest of their time.
    """
    scans = _where(run, lambda stage: stage.tasks.total(Column.INPUT) > 0)
    if not scans:
        return None
    reference = platform.storage_bytes_per_second
    return _at_its_limit(scans, reference) if reference else _waited_for(scans, platform)


def _at_its_limit(scans: Sequence[Stage], reference: float) -> Finding | None:
    rate = _read_per_second(scans)
    found = level(rate / reference, (0.8, 0.9, 0.95, 1.0))
    if found is None:
        return None
    evidence = {"read_bytes_per_s": rate, "reference_bytes_per_s": reference, **_named(scans)}
    return Finding("storage", "The storage is the limit", found, evidence, STORAGE_ADVICE, _less_rest(scans))


def _waited_for(scans: Sequence[Stage], platform: Platform) -> Finding | None:
    """Scans that neither compute nor wait for anything that their nodes have: the data comes from elsewhere, too slowly.

    Nodes whose processors and disks have time to spare while tasks run are what tells such a wait from all others.
    """
    hit = [scan for scan in scans if _much_is_read(scan)]
    sums = spent(scan.tasks for scan in hit)
    waited = sums.share(sums.rest) - sums.share(sum(scan.python for scan in hit) / 1000)
    found = level(waited, WAITED)
    if not hit or found is None or not _disks_are_quiet(platform):
        return None
    if (platform.io_pressure or 0) <= IO_PRESSURE and (platform.node_cpu is None or platform.node_cpu >= CALM):
        return None
    evidence = {"waited_share": waited, "read_bytes_per_s": _read_per_second(hit)}
    return Finding(
        "storage",
        "Waiting for the storage",
        found,
        {**evidence, **_seen_of_disks(platform), "node_cpu_share": platform.node_cpu or 0.0, **_named(hit)},
        STORAGE_ADVICE,
        _less_rest(hit),
    )


def _less_rest(scans: Sequence[Stage]) -> Remedy:
    return _less(scans, lambda stage: stage.tasks.residual)


def _much_is_read(stage: Stage) -> bool:
    """Whether a stage reads more than the slowest of storages would have given while its tasks waited."""
    return stage.tasks.total(Column.INPUT) >= LEAST_BYTES_PER_MS * float(stage.tasks.residual.sum())


def _disks_are_quiet(platform: Platform) -> bool:
    return platform.disk_busy is not None and platform.disk_busy < QUIET


def _seen_of_disks(platform: Platform) -> dict[str, float]:
    return {"io_pressure_share": platform.io_pressure or 0.0, "disk_busy_share": platform.disk_busy or 0.0}


def _read_per_second(scans: Sequence[Stage]) -> float:
    return sum(scan.tasks.total(Column.INPUT) for scan in scans) / _seconds(scans)


def _seconds(stages: Iterable[Stage]) -> float:
    """How long any of them ran."""
    spans = [(float(s.tasks.column(Column.LAUNCH).min()), float(s.tasks.column(Column.FINISH).max())) for s in stages]
    return max(0.001, sum(end - start for start, end in merged(spans)) / 1000)


def _where(run: Run, rule: Callable[[Stage], bool]) -> list[Stage]:
    return [stage for stage in run.stages if rule(stage)]


def _share(stage: Stage, part: float) -> float:
    time = stage.tasks.total(Column.RUN)
    return part / time if time else 0.0


def _bounded(stage: Stage, cost: Numbers) -> Numbers:
    return np.minimum(cost, MOST_OF_RUN * stage.tasks.column(Column.RUN))


def _less(stages: Iterable[Stage], cost: Callable[[Stage], Numbers]) -> Remedy:
    """Tasks without a cost; none takes less than no time."""
    ids = tuple(stage.id for stage in stages)
    return Remedy(lambda stage, lengths: np.maximum(lengths - cost(stage), 0.0), ids)


def _named(stages: Iterable[Stage]) -> dict[str, float | int | str]:
    """The stage that took longest of those."""
    worst = max(stages, key=lambda stage: float(stage.tasks.durations.sum()))
    return {"stage": worst.id, "stage_name": worst.name}
