"""What a rule finds, before anybody has asked what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from almanac.diagnosis.run import Numbers, Run, Stage


class Level(IntEnum):
    """How far something is from what it should be."""

    LOW = 1
    MODERATE = 2
    SEVERE = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True)
class Platform:
    """What an event log can't tell, from the platform's metrics; None where nobody knows.

    Shares are 0 to 1, over the run.

    Attributes:
        node_cpu: processors in use. steal: taken by the hypervisor's other guests.
        cpu_pressure, io_pressure: time that something waited for a processor or a disk (PSI).
        disk_busy: of the local disks. nic: traffic against the network's measured reference.
        storage_bytes_per_second: what this platform's storage was measured to give, all nodes together.
    """

    node_cpu: float | None = None
    steal: float | None = None
    cpu_pressure: float | None = None
    io_pressure: float | None = None
    disk_busy: float | None = None
    nic: float | None = None
    storage_bytes_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """A run without one cause.

    Attributes:
        reshape: new lengths for a stage's tasks, from the stage and its lengths so far; ms.
        stages: the stages that it changes.
        pauses: what is left of the driver's pauses, as a share.
        slots: slots as a multiple of those there were.
    """

    reshape: Callable[[Stage, Numbers], Numbers] = lambda _stage, lengths: lengths
    stages: tuple[int, ...] = ()
    pauses: float = 1.0
    slots: float = 1.0

    def lengths(self, run: Run, before: Mapping[int, Numbers] | None = None) -> dict[int, Numbers]:
        """The lengths of the stages' tasks with it, after others were applied."""
        found = dict(before or {})
        for stage in run.stages:
            if stage.id in self.stages:
                found[stage.id] = self.reshape(stage, found.get(stage.id, stage.tasks.durations))
        return found


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that was met.

    Attributes:
        kind: one word for programs. title: for people.
        evidence: names and numbers, as measured.
        advice: what to change.
        shape: whether the remedy changes how work is spread and not how much there is; such remedies are applied
            together, in order, before one asks what idleness is left.
        capacity: whether nothing is wrong and only more machines would remove it.
    """

    kind: str
    title: str
    level: Level
    evidence: Mapping[str, float | int | str]
    advice: str
    remedy: Remedy
    shape: bool = False
    capacity: bool = False


def level(value: float, cuts: Sequence[float]) -> Level | None:
    """How many of four ascending cuts a value reaches; None below the first."""
    reached = sum(value >= cut for cut in cuts)
    return Level(reached) if reached else None
