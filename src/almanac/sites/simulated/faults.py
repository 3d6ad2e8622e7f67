"""Bad luck to order: what goes wrong, in which call, before or after which checkpoint, and how often."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import timedelta

from almanac.sites.simulated.clock import SimulatedClock


class Killed(BaseException):
    """Stands for ``kill -9`` of Almanac: not an ``Exception``, so that nothing on the way may handle it."""


@dataclass(slots=True)
class _Fault:
    call: str
    happen: Callable[[], None]
    step: int
    done: bool
    times: int | None
    subject: str | None

    def matches(self, call: str, subject: str, step: int, done: bool) -> bool:
        if self.times == 0 or (self.call, self.step, self.done) != (call, step, done):
            return False
        return self.subject in {None, subject}


class Faults:
    """Faults that a simulated site asks for at each of its points.

    A call does its work in steps and yields a handle after each, so every step has two points: ``done=False``, just
    before its work (the handle of the step before it is saved by then), and ``done=True``, when the work is done but
    its handle hasn't got out. Step n of a call that has n steps is the point after its last handle was saved.
    """

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._stuck: set[str | None] = set()
        self.fired = 0

    def fail(
        self,
        call: str,
        error: BaseException,
        *,
        step: int = 0,
        done: bool = False,
        times: int | None = 1,
        subject: str | None = None,
    ) -> None:
        """Raise ``error`` at a point.

        Args:
            call: the name of a method of the Site port, such as ``start``.
            error: ``Temporary``, ``Permanent``, ``NoRoom`` or ``Killed``.
            step: which step of the call, from 0.
            done: whether the step's work is done by then.
            times: how often; None is always.
            subject: only for the lease or cluster of this id; None is any.
        """

        def happen() -> None:
            # A new one each time: a raised exception carries its traceback along.
            raise copy(error)

        self._faults.append(_Fault(call, happen, step, done, times, subject))

    def slow(
        self, call: str, clock: SimulatedClock, by: timedelta, *, times: int | None = 1, subject: str | None = None
    ) -> None:
        """Let a call take a while: the clock moves on before its first step."""

        def happen() -> None:
            clock.advance(by)

        self._faults.append(_Fault(call, happen, 0, False, times, subject))

    def stick(self, cluster: str | None = None) -> None:
        """Let a cluster (None: every cluster) that is started from now on never become ready."""
        self._stuck.add(cluster)

    def sticks(self, cluster: str) -> bool:
        """Whether a cluster that is started now never becomes ready."""
        return not self._stuck.isdisjoint({None, cluster})

    def clear(self) -> None:
        """From now on nothing goes wrong any more."""
        self._faults.clear()
        self._stuck.clear()

    def check(self, call: str, subject: str, step: int = 0, done: bool = False) -> None:
        """A point has been reached: let happen what was ordered for it."""
        for fault in self._faults:
            if fault.matches(call, subject, step, done):
                if fault.times is not None:
                    fault.times -= 1
                self.fired += 1
                fault.happen()
