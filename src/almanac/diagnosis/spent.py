"""What the time of a run went to, as sums over tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from almanac.diagnosis.run import Column, Run, Tasks


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums over tasks, in seconds of a slot.

    Attributes:
        run: the executors' run time, and its parts: ``cpu``, ``gc`` (garbage collection), ``fetch`` (waiting for
            shuffled data), ``write`` (of shuffles), ``rest`` (disks, storage, Python, waiting).
        slots: how long slots were held, run time and the rest of a task's life.
        delay: of that, what no one can account for but the scheduler.
    """

    run: float
    cpu: float
    gc: float
    fetch: float
    write: float
    rest: float
    slots: float
    delay: float

    def share(self, part: float) -> float:
        """A part of the run time, 0 to 1."""
        return part / self.run if self.run > 0 else 0.0


def spent(tasks: Iterable[Tasks]) -> Spent:
    """What tasks spent their time on."""
    listed = list(tasks)

    def total(column: Column) -> float:
        return sum(one.total(column) for one in listed) / 1000

    return Spent(
        run=total(Column.RUN),
        cpu=total(Column.CPU),
        gc=total(Column.GC),
        fetch=total(Column.FETCH),
        write=total(Column.WRITE),
        rest=sum(float(one.residual.sum()) for one in listed) / 1000,
        slots=sum(float(one.durations.sum()) for one in listed) / 1000,
        delay=sum(float(one.delays.sum()) for one in listed) / 1000,
    )


def busy(run: Run) -> float:
    """The share of its slots that a run held, 0 to 1."""
    there = run.slots * run.wall / 1000
    return min(1.0, spent(stage.tasks for stage in run.stages).slots / there) if there > 0 else 0.0
