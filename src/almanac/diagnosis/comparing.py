"""Two runs side by side: what became faster, what slower, and which causes went or came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields

from almanac.diagnosis.diagnose import Diagnosis, StageTime
from almanac.diagnosis.spent import Spent

SHOWN = 8
LEAST_CHANGE_S = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """A time in both runs, in seconds."""

    what: str
    before_s: float
    after_s: float

    @property
    def grown_s(self) -> float:
        """How much longer it takes now."""
        return self.after_s - self.before_s


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one run to another.

    Attributes:
        wall: the runs themselves. parts: what tasks spent their time on, of all tasks together.
        stages: those of the same name, in their order, that changed most; a stage of only one run took no time in the
            other.
        gone, new: causes, by kind, that one of them has and the other hasn't.
    """

    wall: Change
    slots_before: int
    slots_after: int
    parts: tuple[Change, ...]
    stages: tuple[Change, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]


def compare(before: Diagnosis, after: Diagnosis) -> Comparison:
    """What changed between two runs of what is meant to be the same."""
    kinds = [{cause.kind: cause.title for cause in one.causes} for one in (before, after)]
    changed = [change for change in _stages(before, after) if abs(change.grown_s) >= LEAST_CHANGE_S]
    return Comparison(
        wall=Change("the run", before.wall_s, after.wall_s),
        slots_before=before.slots,
        slots_after=after.slots,
        parts=tuple(
            Change(part.name, getattr(before.spent, part.name), getattr(after.spent, part.name))
            for part in fields(Spent)
        ),
        stages=tuple(sorted(changed, key=lambda change: -abs(change.grown_s))[:SHOWN]),
        gone=tuple(kind for kind in kinds[0] if kind not in kinds[1]),
        new=tuple(kind for kind in kinds[1] if kind not in kinds[0]),
    )


def _stages(before: Diagnosis, after: Diagnosis) -> Iterator[Change]:
    """Stages in pairs: the first of a name with the first of that name."""
    pairs: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for side, one in enumerate((before, after)):
        seen: dict[str, int] = defaultdict(int)
        for stage in one.stages:
            pairs[_key(stage, seen)][side] = stage.wall_s
    return (Change(name, *times) for (name, _), times in pairs.items())


def _key(stage: StageTime, seen: dict[str, int]) -> tuple[str, int]:
    seen[stage.name] += 1
    return stage.name, seen[stage.name]
