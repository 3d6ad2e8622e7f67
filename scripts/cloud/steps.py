"""Steps side by side, each as soon as those before it are done, with the time that each took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Something to do.

    Attributes:
        name: how others refer to it; also shown.
        do: does it.
        after: names of what must be done before.
    """

    name: str
    do: Callable[[], object]
    after: tuple[str, ...] = ()


class Clock:
    """Says what is done, and after how many seconds."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._began = time.monotonic()
        self._quiet = quiet

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line on standard error."""
        if not self._quiet:
            sys.stderr.write(f"{self.seconds:6.1f} s  {text}\n")
            sys.stderr.flush()


def run_all(steps: Sequence[Step], clock: Clock, abort: Callable[[], None]) -> None:
    """Do every step; after a failure ``abort`` must make those still running fail too.

    Raises:
        Exception: the first failure's.
    """
    waiting, done = list(steps), set[str]()
    running: dict[Future[object], tuple[Step, float]] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        while running or (waiting and failure is None):
            for step in [step for step in waiting if failure is None and done.issuperset(step.after)]:
                waiting.remove(step)
                running[pool.submit(step.do)] = (step, clock.seconds)
            try:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
            except BaseException:
                abort()
                raise
            for future in ended:
                step, began = running.pop(future)
                done.add(step.name)
                error = future.exception()
                if error is None:
                    clock.say(f"{step.name} ({clock.seconds - began:.1f} s)")
                elif failure is None:
                    failure = error
                    abort()
    if failure is not None:
        raise failure
