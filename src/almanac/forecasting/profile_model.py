"""The forecast: an hour-of-week profile, counts spread around it, corrected by what past forecasts of the kind missed.

1. **Profile.** Three memories of each hour of the week (`profiles`).
2. **Spread.** Counts around the middle one are taken as negative binomial with variance ``dispersion * mean``; their
   quantiles are those of the gamma distribution of equal mean and variance. The dispersion is robust, so one workshop
   doesn't widen every hour, and it is wider with little history.
3. **Correction.** The same first guess is made as of every past day, and a shrunken quantile regression learns what it
   missed: level, trend, shorter and longer memory, width. Recent weeks weigh most; little data changes little.
4. **Calibration.** Regressions that end weeks ago forecast the weeks since, which they hadn't seen. Where too many or too few
   hours lay below a quantile, by more than chance explains, it is moved by what was missed (split conformal prediction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from almanac.forecasting.pinball import fit, weighted_quantile
from almanac.forecasting.profiles import DAY, WEEK, Profiles, profiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MEMORY = 26 * WEEK
PAST_DAYS = 62
HALF_LIFE = 6 * WEEK
"""Of what past forecasts say about this one, in hours."""
SHRINKAGE = 40.0
"""Of the correction: hours, each counted once though forecast on seven days."""
LEVEL = 0.4
"""How much of the last three days' departure from the usual is expected to last."""
UNKNOWN_DISPERSION = 2.0
NOVICE = 6.0
"""With so many weeks of history the variance is taken as twice what was seen."""
CUTS = (2, 4, 6)
"""Weeks ago at which the regressions end that calibrate."""
ALIKE = 48
"""Hours that miss together: a level that is wrong stays wrong for about so long."""


@dataclass(frozen=True, slots=True)
class _Guesses:
    """First guesses at some origins.

    Attributes:
        mean: shape (origins, 168).
        features: what may correct them, in units of demand; shape (origins, 168, p).
        width: which of the features are standard deviations of a count with dispersion 1; shape (p,).
    """

    mean: Floats
    features: Floats
    width: Bools


@dataclass(frozen=True, slots=True)
class _Past:
    """What first guesses missed, one row for each hour that they were about and that is known by now.

    Attributes:
        features: shape (rows, p), in standard deviations.
        missed: actual less guessed quantile, in standard deviations; shape (rows, levels).
        weight: shape (rows,).
        made: when the guess was made, an index into the demand; shape (rows,).
        about: which hour it was about; shape (rows,).
    """

    features: Floats
    missed: Floats
    weight: Floats
    made: Ints
    about: Ints


def quantiles(demand: Floats, first: int, levels: Sequence[float], seen: Bools | None = None) -> Floats:
    """Quantiles of demand in the week after a history.

    Args:
        demand: past hours, shape (hours,), without gaps; hours that aren't known hold what is usual.
        first: the hour of ``demand[0]`` on the wall clock, counted from a Monday at midnight.
        levels: quantiles in rising order, each between 0 and 1.
        seen: which hours are really known, shape (hours,); all of them by default.

    Returns:
        Shape (168, levels): not below 0, rising along the levels. Zeros where nothing was ever asked for.
    """
    known = np.ones(len(demand), np.bool_) if seen is None else seen
    demand, known, first = _at_least_a_week(demand[-MEMORY:], known[-MEMORY:], first + max(0, len(demand) - MEMORY))
    if not demand.any():
        return np.zeros((WEEK, len(levels)))
    now = len(demand)
    past = np.arange(now - DAY, WEEK - 1, -DAY)[:PAST_DAYS]
    guesses = _guess(demand, first, np.append(now, past))
    dispersion = _dispersion(demand, known, guesses.mean[1:], past)
    deviation = np.maximum(np.sqrt(dispersion * guesses.mean), 0.3)
    guessed = _spread(guesses.mean, dispersion, levels)
    features = guesses.features * np.where(guesses.width, np.sqrt(dispersion), 1) / deviation[..., None]
    rows = _rows(demand, known, past, guessed[1:], deviation[1:], features[1:])
    moved = np.stack([_correction(rows, place, level, features[0], now) for place, level in enumerate(levels)], axis=-1)
    return np.maximum(np.maximum.accumulate(guessed[0] + moved * deviation[0][:, None], axis=1), 0)


def _at_least_a_week(demand: Floats, known: Bools, first: int) -> tuple[Floats, Bools, int]:
    """Put days like those known before them, so that every hour of the week has a guess; they count as unknown."""
    missing = WEEK - len(demand)
    if missing <= 0:
        return demand, known, first
    if not len(demand):
        return np.zeros(WEEK), np.zeros(WEEK, np.bool_), first
    hour = np.arange(-missing, len(demand)) % DAY
    usual = np.array(
        [demand[hour[missing:] == h].mean() if (hour[missing:] == h).any() else np.nan for h in range(DAY)]
    )
    usual = np.where(np.isnan(usual), demand.mean(), usual)
    return (
        np.concatenate((usual[hour[:missing]], demand)),
        np.concatenate((np.zeros(missing, np.bool_), known)),
        first - missing,
    )


def _guess(demand: Floats, first: int, origins: Ints) -> _Guesses:
    usual = profiles(demand, first, origins)
    before = demand[origins[:, None] - WEEK + np.arange(WEEK)]
    day, days, week = (_level(before, usual.middle, hours) for hours in (DAY, 3 * DAY, WEEK))
    mean = usual.middle * np.clip(1 + LEVEL * (days - 1), 0.25, 4)
    features, width = _features(usual, day, days, week)
    return _Guesses(mean, features, width)


def _level(before: Floats, usual: Floats, hours: int) -> Floats:
    """How the last hours compare with the usual of the same hours; shape (origins, 1)."""
    ratio = before[:, -hours:].sum(axis=1) / usual[:, -hours:].sum(axis=1)
    return np.asarray(np.clip(ratio, 0, 10)[:, None])


def _features(usual: Profiles, day: Floats, days: Floats, week: Floats) -> tuple[Floats, Bools]:
    mean = usual.middle
    ahead = np.arange(WEEK)
    fading = np.exp(-ahead / (2 * DAY))
    moves = [
        mean,
        usual.fast - mean,
        usual.slow - mean,
        mean * (day - 1) * fading,
        mean * (days - 1),
        mean * (days - 1) * fading,
        mean * (week - 1),
        mean * ahead / (2 * WEEK),
    ]
    widths = [np.sqrt(mean), np.broadcast_to(np.sqrt(mean.mean(axis=1, keepdims=True)), mean.shape)]
    return np.stack(moves + widths, axis=-1), np.repeat([False, True], [len(moves), len(widths)])


def _dispersion(demand: Floats, known: Bools, mean: Floats, past: Ints) -> float:
    """Variance over mean of counts around their guess, from the mean absolute error, as if it were normal."""
    about, counts = _about(known, past)
    weeks = known.sum() / WEEK
    evidence = counts.sum() / WEEK
    spread = (
        np.pi / 2 * (np.abs(demand[about] - mean)[counts].mean() / np.sqrt(mean[counts]).mean()) ** 2
        if evidence
        else 0.0
    )
    blend = (evidence * spread + 2 * UNKNOWN_DISPERSION) / (evidence + 2)
    return float(max(blend, 0.2) * (1 + NOVICE / max(weeks, 1 / 7)))


def _about(known: Bools, past: Ints) -> tuple[Ints, Bools]:
    """Which hours forecasts made then were about, and whether each is known by now; both (origins, 168)."""
    hours = past[:, None] + np.arange(WEEK)
    over = hours < len(known)
    hours = np.minimum(hours, len(known) - 1)
    return hours, over & known[hours]


def _spread(mean: Floats, dispersion: float, levels: Sequence[float]) -> Floats:
    """Quantiles of counts, as of the gamma distribution of equal mean and variance; looked up between 200 exact ones."""
    from scipy.special import gammaincinv

    exact = np.geomspace(mean.min(), mean.max(), 200)
    return np.stack(
        [np.interp(mean, exact, gammaincinv(exact / dispersion, level) * dispersion) for level in levels], axis=-1
    )


def _rows(demand: Floats, known: Bools, past: Ints, guessed: Floats, deviation: Floats, features: Floats) -> _Past:
    about, counts = _about(known, past)
    missed = (demand[about][..., None] - guessed) / deviation[..., None]
    age = len(demand) - about[counts]
    # Each hour was forecast on seven days: all of them together are one observation.
    weight = 0.5 ** (age / HALF_LIFE) * DAY / WEEK
    made = np.broadcast_to(past[:, None], about.shape)[counts]
    return _Past(features[counts], missed[counts], weight, made, about[counts])


def _correction(rows: _Past, place: int, level: float, ahead: Floats, now: int) -> Floats:
    """How far the guessed quantile of each hour ahead is moved, in standard deviations; shape (168,)."""
    missed = rows.missed[:, place]
    learnt = fit(rows.features, missed, rows.weight, level, SHRINKAGE)
    moved = ahead @ learnt
    # The median promises nobody anything; moving it by weeks-old misses only made it worse.
    return moved + _calibration(rows, missed, level, learnt, now) if level > 0.5 else moved


def _calibration(rows: _Past, missed: Floats, level: float, start: Floats, now: int) -> float:
    """What is added to a quantile because earlier corrections, of the same form, left too many or too few hours below it."""
    left, weight = [np.empty(0)], [np.empty(0)]
    until = now
    for weeks in CUTS:
        cut = now - weeks * WEEK
        taught, tried = rows.about < cut, (rows.made >= cut) & (rows.made < until)
        until = cut
        if taught.any() and tried.any():
            learnt = fit(rows.features[taught], missed[taught], rows.weight[taught], level, SHRINKAGE, start)
            left.append(missed[tried] - rows.features[tried] @ learnt)
            weight.append(rows.weight[tried])
    return _beyond_chance(np.concatenate(left), np.concatenate(weight), level)


def _beyond_chance(left: Floats, weight: Floats, level: float) -> float:
    """The shift that would have made the quantile right, less the part that chance explains (as James and Stein shrink)."""
    if not left.size:
        return 0.0
    off = float(weight[left <= 0].sum() / weight.sum()) - level
    chance = level * (1 - level) * ALIKE / float(weight.sum())
    return weighted_quantile(left, weight, level) * max(0.0, 1 - chance / max(off**2, 1e-12))
