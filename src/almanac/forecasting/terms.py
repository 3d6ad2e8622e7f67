"""What a calendar knows and the past weeks don't: terms, holidays, closures. How much each kind matters is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from almanac.core.errors import BadRequest
from almanac.core.windows import Window

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

HOUR = timedelta(hours=1)
DOUBT = 24
"""Usual hours' worth of demand by which what is expected of a kind of term outweighs what was seen."""
CLOSED = 0.1


@dataclass(frozen=True, slots=True)
class Term:
    """A stretch of time with a demand of its own.

    Attributes:
        window: when.
        kind: what it is (``"exams"``, ``"holiday"``); stretches of one kind are taken to be alike.
        factor: demand compared with usual weeks, as far as one knows beforehand.

    Raises:
        BadRequest: a factor that isn't positive.
    """

    window: Window
    kind: str
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.factor < float("inf"):
            raise BadRequest(
                f"The factor of {self.kind!r} is {self.factor}.",
                hint="Give a positive one: 0.5 for half of the usual demand.",
            )


def during(terms: Sequence[Term], kind: str, start: datetime, hours: int) -> Bools:
    """Which hours from ``start`` on begin in a term of that kind; shape (hours,)."""
    inside = np.zeros(hours, np.bool_)
    for term in terms:
        if term.kind == kind:
            first, last = -((start - term.window.start) // HOUR), -((start - term.window.end) // HOUR)
            inside[max(0, first) : max(0, last)] = True
    return inside


def kinds(terms: Sequence[Term]) -> dict[str, float]:
    """Every kind and the factor expected of it; the last word counts."""
    return {term.kind: term.factor for term in terms}


@dataclass(frozen=True, slots=True)
class Effect:
    """How demand in terms of one kind compares with usual weeks.

    Attributes:
        past: what it was; 1 where that can't be told.
        ahead: what it will be, as far as the past says.
    """

    past: float
    ahead: float

    @property
    def closed(self) -> bool:
        """Whether next to nothing was left: such hours say nothing of usual ones."""
        return self.past < CLOSED


def effect(actual: Floats, usual: Floats, expected: float) -> Effect:
    """Learn from past terms of a kind, drawn to what was expected of it by a day's worth of doubt.

    Args:
        actual: demand in known hours of such terms, shape (hours,).
        usual: what is usual in the same hours.
        expected: the factor that was given.
    """
    came, would = float(actual.sum()), float(usual.sum())
    if would <= 0:
        return Effect(1.0, expected)
    doubt = DOUBT * would / len(usual)
    return Effect(came / would, (came + doubt * expected) / (would + doubt))
