"""How many slots stand ready for those who will come during one start-up time.

Arrivals of a short time are counted as negative binomial: ``variance = (1 + dispersion) * mean``. The quantile to be ready
for is corrected online by what was missed, so that the share of sessions that start at once comes out as promised whatever
the arrivals are really like (adaptive conformal inference: Gibbs and Candes, "Adaptive Conformal Inference Under Distribution
Shift", 2021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log, log1p

_FINE = 50
"""Means are told apart in steps of 2 %, so that quantiles are looked up rather than computed."""


def arrivals_quantile(mean: float, dispersion: float, miss: float) -> int:
    """The smallest n such that more than n arrive with a probability of at most ``miss``.

    Args:
        mean: expected arrivals, >= 0.
        dispersion: variance over mean, less 1, > 0.
        miss: between 0 and 1.
    """
    if mean <= 1e-6:
        return 0
    return _quantile(round(_FINE * log(mean)), dispersion, round(_FINE * log(miss)))


@lru_cache(maxsize=65536)
def _quantile(mean_code: int, dispersion: float, miss_code: int) -> int:
    mean, miss = exp(mean_code / _FINE), exp(miss_code / _FINE)
    shape = mean / dispersion
    success = dispersion / (1 + dispersion)
    count = 0
    # Summed from the top in logarithms' stead: the first term underflows only for means far above any that are asked.
    term = exp(-shape * log1p(dispersion))
    left = 1.0 - term
    bound = int(mean + 40 * (1 + dispersion) * (1 + mean) ** 0.5)
    while left > miss and count < bound:
        term *= success * (shape + count) / (count + 1)
        count += 1
        left -= term
    return count


@dataclass(frozen=True, slots=True)
class Aim:
    """The share of sessions that are to start at once, and the miss probability now used to reach it.

    Attributes:
        target: the share to aim at, such as .9955.
        miss: the probability with which arrivals may exceed the headroom.
        pace: how fast ``miss`` follows what is seen, per session.
    """

    target: float
    miss: float
    pace: float = 0.0003

    @classmethod
    def at(cls, promise: float) -> Aim:
        """The first guess for a promised share: a tenth of what may miss is kept in hand.

        An arrival that finds no slot left is likelier in a crowd, so the first miss is half of the allowance.
        """
        allowed = (1 - promise) * 0.9
        return cls(1 - allowed, max(1e-6, allowed / 2))

    def seen(self, sessions: int, missed: int) -> Aim:
        """After so many more sessions, of which some had to wait.

        ``log(miss)`` moves by ``pace`` times what was allowed less what was missed, in units of the allowance: it stands
        still when the share is as promised. It is kept between 1e-6 and .5.
        """
        allowed = 1 - self.target
        step = self.pace * (sessions - missed / allowed)
        return replace(self, miss=min(0.5, max(1e-6, self.miss * exp(step))))


def expected_rate(usual: float, recent: float, trust: float = 0.5) -> float:
    """Arrivals per hour expected next: the forecast, and the last hour's own, weighed.

    Args:
        usual: the forecast.
        recent: what came in the last hour.
        trust: weight of ``recent``, between 0 and 1.
    """
    return (1 - trust) * usual + trust * recent
