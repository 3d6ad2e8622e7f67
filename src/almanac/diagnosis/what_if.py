"""How long a run would take on other sizes: a range, never one number.

A replay of measured tasks is optimistic, as it assumes that a task takes as long among more neighbours. So beside it
stands a pessimistic one, and both are stretched by what the model got wrong of the run that it was read from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almanac.diagnosis.findings import Platform
from almanac.diagnosis.replay import Workload, replay
from almanac.diagnosis.run import Column, Numbers, Run, Stage

SIZES = (0.5, 2.0, 4.0)
SHARED_CORE = 0.5
"""What an added slot is worth at worst: half, where two of them are the threads of one core."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A run on another size.

    Attributes:
        times: its slots as a multiple of the run's.
        least_s, most_s: between which it would take.
    """

    times: float
    slots: int
    least_s: float
    most_s: float


def estimates(run: Run, platform: Platform, work: Workload, base: float) -> tuple[Estimate, ...]:
    """The run on half, twice and four times its slots; none for a run without tasks.

    Args:
        run: what was measured.
        platform: what its storage gives, where that is known.
        work: the run as a workload.
        base: its replay as it was, in ms.
    """
    if not base:
        return ()
    return tuple(estimate(run, platform, work, base, times) for times in SIZES if round(run.slots * times) >= 1)


def estimate(run: Run, platform: Platform, work: Workload, base: float, times: float) -> Estimate:
    """The run on so many times its slots.

    The least is a replay over these slots. The most is the greatest of: a replay in which whatever isn't computation
    (disks, storage, network) takes as long in all as before, since added workers may share what it waits for; a replay
    in which an added slot is worth half, since it may be the second thread of a core; and the bytes read at the rate
    that this platform's storage was measured to give.
    """
    slots = max(1, round(run.slots * times))
    least = replay(work, slots)
    worst = [least]
    if slots > run.slots:
        worst.append(replay(work, slots, _shared(run, slots / run.slots)))
        worst.append(replay(work, run.slots + max(1, int(SHARED_CORE * (slots - run.slots)))))
    if platform.storage_bytes_per_second:
        worst.append(1000 * run.total(Column.INPUT) / platform.storage_bytes_per_second)
    wrong = run.wall / base
    return Estimate(times, slots, least * min(1.0, wrong) / 1000, max(worst) * max(1.0, wrong) / 1000)


def _shared(run: Run, times: float) -> dict[int, Numbers]:
    """Lengths of tasks whose waits grow with the number of those who wait for the same."""
    found = {}
    for stage in run.stages:
        tasks = stage.tasks
        waits = _shared_residual(stage) + tasks.column(Column.FETCH) + tasks.column(Column.WRITE)
        found[stage.id] = np.asarray(tasks.durations + (times - 1) * np.minimum(waits, tasks.durations))
    return found


def _shared_residual(stage: Stage) -> Numbers:
    """What tasks wait for others than processors, in ms: Python computes on processors of its own, so its share is taken away."""
    residual = stage.tasks.residual
    whole = float(residual.sum())
    return residual * max(0.0, 1 - stage.python / whole) if whole else residual
