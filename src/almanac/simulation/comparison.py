"""All policies on one trace, on equal terms, and at equal service where that is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from almanac.core.demand import Forecaster
from almanac.simulation.baselines import Clairvoyant, Reactive, Static
from almanac.simulation.engine import Engine, Policy
from almanac.simulation.market import UNLIMITED, Market
from almanac.simulation.ours import Almanac, Dials
from almanac.simulation.result import Result, learning_hours
from almanac.simulation.traffic import Traffic

Told = Callable[[str], None]
Service = Callable[[Result], float]


@dataclass(frozen=True, slots=True)
class Row:
    """One policy in the table; shares are between 0 and 1.

    Attributes:
        policy: its name, with the number that was found for it.
        slot_hours: paid.
        vs_peak: of what a static peak pays.
        vs_oracle: of what somebody holds who knows each hour's peak and pays nothing else.
    """

    policy: str
    slot_hours: float
    vs_peak: float
    vs_oracle: float
    at_once: float
    within_5_min: float
    within_12_min: float
    rejected: float
    p99_wait_s: float
    utilisation: float
    starts: int


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The table and what it was made of.

    Attributes:
        sessions: in the trace; ``workshops`` of them groups with a booking.
        hours: scored ones; the ``learning`` hours before them aren't.
        peak: most slots in use at once in the scored hours.
        oracle: slot-hours of the hourly peaks.
        rows: ours first.
        results: the same with the courses of what was held.
    """

    sessions: int
    workshops: int
    hours: int
    learning: int
    peak: int
    oracle: float
    rows: dict[str, Row]
    results: dict[str, Result]

    def to_json(self) -> dict[str, object]:
        """As programs get it."""
        facts = ("sessions", "workshops", "hours", "learning", "peak", "oracle")
        told: dict[str, object] = {name: getattr(self, name) for name in facts}
        told["policies"] = {name: asdict(row) for name, row in self.rows.items()}
        return told


def rounds(traffic: Traffic) -> int:
    """How many policies ``compare`` plays at most."""
    return 3 + 2 * (1 + int(traffic.peaks().max()).bit_length())


def compare(
    traffic: Traffic,
    market: Market,
    forecaster: Forecaster,
    first_hour: int,
    dials: Dials | None = None,
    *,
    service: Service = lambda result: result.at_once,
    told: Told = lambda _: None,
) -> Comparison:
    """Play every policy on a trace. Ours knows the bookings; the others meet the same people unannounced.

    Args:
        traffic: the trace.
        market: what every policy is charged.
        forecaster: ours.
        first_hour: the trace's first hour, counted from a Monday at midnight, local time.
        dials: the operator's.
        service: what "equal service" means: static and reactive get the least that reaches ours.
        told: hears what is being played.
    """

    def play(policy: Policy) -> Result:
        told(policy.name)
        return Engine(traffic if isinstance(policy, Almanac) else unbooked, market, policy).run()

    # Who knows every arrival would have leased what can't be had on demand.
    uncapped = replace(market, on_demand_cap=UNLIMITED)

    unbooked = traffic.unbooked()
    first = learning_hours(traffic.hours)
    peaks = traffic.peaks()
    scored = peaks[first:]
    ours = play(Almanac(market, forecaster, first_hour, dials))
    aim = service(ours)

    def enough(make: Callable[[int], Policy]) -> Result:
        return least(lambda number: play(make(number)), lambda result: service(result) >= aim, int(peaks.max()))

    def seen() -> Result:
        told("clairvoyant")
        return Engine(unbooked, uncapped, Clairvoyant(unbooked, uncapped)).run()

    results = {
        "almanac": ours,
        "static_peak": play(Static(int(scored.max()))),
        "static_equal": enough(Static),
        "reactive_equal": enough(_reactive(market)),
        "clairvoyant": seen(),
    }
    oracle, peak = float(scored.sum()), float(scored.max()) * len(scored)
    rows = {name: _row(result, peak, oracle) for name, result in results.items()}
    return Comparison(
        len(traffic.sessions), len(traffic.workshops), len(scored), first, int(scored.max()), oracle, rows, results
    )


def least(play: Callable[[int], Result], enough: Callable[[Result], bool], most: int) -> Result:
    """The result of the smallest number that is enough, by bisection; that of ``most`` when none is."""
    low, best = 0, play(most)
    high = most
    while low < high:
        middle = (low + high) // 2
        result = play(middle)
        if enough(result):
            high, best = middle, result
        else:
            low = middle + 1
    return best


def _reactive(market: Market) -> Callable[[int], Policy]:
    """Where slots on demand are capped, they all are headroom and the floor is sought; else there is none."""
    if market.on_demand_cap < UNLIMITED:
        return lambda floor: Reactive(market.on_demand_cap, floor)
    return Reactive


def _row(result: Result, peak: float, oracle: float) -> Row:
    return Row(
        result.policy,
        result.slot_hours,
        result.slot_hours / peak,
        result.slot_hours / oracle,
        result.at_once,
        result.within_5_min,
        result.within_12_min,
        result.rejected,
        result.p99_wait_s,
        result.utilisation,
        result.starts,
    )
