"""Which of several sites a request goes to, and why, in words.

The person's wish comes first. Then, each only where the ones before it leave a tie: it can be there at all, the site
answers, the data is there, it starts sooner, its capacity is truly reserved, it is cheaper, the operator named it first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from almanac.core.resources import NodeGroup

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator says of a site, beside what the site tells of itself.

    Attributes:
        node_hour: price of a node for an hour, by flavor; nodes of other flavors go by their cores.
        core_hour: price of a core for an hour.
        data: labels of the data that lies there.
        zone: the name of its time zone; empty if nobody has said it.
    """

    node_hour: Mapping[str, float] = field(default_factory=dict)
    core_hour: float = 0.0
    data: frozenset[str] = frozenset()
    zone: str = ""

    def price(self, groups: Iterable[NodeGroup]) -> float:
        """Of all these nodes for an hour, in the operator's unit."""
        return round(sum(group.count * self._of_one(group) for group in groups), 6)

    def _of_one(self, group: NodeGroup) -> float:
        return self.node_hour.get(group.flavor.name, self.core_hour * group.flavor.resources.cores)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a site stands with a request.

    Attributes:
        site: its name.
        price: of all its nodes there for an hour.
        refusal: why it can't be there, such as ``has no room then``; empty when it can or nobody has looked yet.
        answers: whether the site answers at present.
        has_data: whether the data that it works on lies there; True where none was named.
        late: by how much the site's lead time puts the start off.
        reserved: whether its capacity is truly held ahead of time.
    """

    site: str
    price: float = 0.0
    refusal: str = ""
    answers: bool = True
    has_data: bool = True
    late: timedelta = timedelta(0)
    reserved: bool = True


@dataclass(frozen=True, slots=True)
class _Criterion:
    """One thing to compare sites by: the lesser ``rank`` is better.

    Attributes:
        gain: what the better of two (first) has over the other, in words.
        lack: what the worse of two (second) lacks, in words.
    """

    rank: Callable[[Standing], object]
    gain: Callable[[Standing, Standing, str], str]
    lack: Callable[[Standing, Standing, str], str]


_CRITERIA = (
    _Criterion(
        lambda s: bool(s.refusal),
        lambda _, worse, __: f"{worse.site} {worse.refusal}",
        lambda _, worse, __: f"{worse.site} {worse.refusal}",
    ),
    _Criterion(
        lambda s: not s.answers,
        lambda _, worse, __: f"{worse.site} doesn't answer at present",
        lambda _, __, ___: "it doesn't answer at present",
    ),
    _Criterion(
        lambda s: not s.has_data,
        lambda _, __, data: f"it has the data {data}",
        lambda better, _, data: f"it lacks the data {data}, which {better.site} has",
    ),
    _Criterion(
        lambda s: s.late // _MINUTE,
        lambda better, worse, _: f"it can start {_minutes(worse, better)} sooner than {worse.site}",
        lambda better, worse, _: f"it starts {_minutes(worse, better)} later than {better.site}",
    ),
    _Criterion(
        lambda s: not s.reserved,
        lambda _, worse, __: f"it is reserved there, at {worse.site} only best effort",
        lambda better, _, __: f"it is best effort, not reserved as at {better.site}",
    ),
    _Criterion(
        lambda s: s.price,
        lambda better, worse, _: f"it is cheaper than {worse.site} by {worse.price - better.price:g} an hour",
        lambda better, worse, _: f"it is dearer than {better.site} by {worse.price - better.price:g} an hour",
    ),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The sites that a request could go to.

    Attributes:
        standings: in the operator's order; at least one.
        data: the labels of the data that it works on, in words; empty for none.
        wish: the site that the person asked for; None for any.
    """

    standings: tuple[Standing, ...]
    data: str = ""
    wish: str | None = None

    @property
    def ranked(self) -> tuple[Standing, ...]:
        """All of them, the best first; sorting is stable, so the operator's order decides a tie."""
        return tuple(sorted(self.standings, key=lambda s: tuple(c.rank(s) for c in _CRITERIA)))

    @property
    def sites(self) -> tuple[str, ...]:
        """Those that don't refuse, the best first."""
        return tuple(standing.site for standing in self.ranked if not standing.refusal)

    def refused(self, site: str, why: str) -> Choice:
        """The same, knowing that a site can't take it."""
        known = tuple(replace(s, refusal=why) if s.site == site else s for s in self.standings)
        return replace(self, standings=known)

    def price(self, site: str) -> float:
        """What it costs there an hour."""
        return self._of(site).price

    def why(self, site: str) -> str:
        """What speaks for the best site, or against another one, in words; empty where there was no choice."""
        if self.wish == site:
            return "you asked for it"
        best, *others = self.ranked
        if not others:
            return ""
        if site == best.site:
            return _compared(best, others[0], lambda c: c.gain, self.data) or "it comes first in the operator's order"
        lack = _compared(best, self._of(site), lambda c: c.lack, self.data)
        return lack or f"it comes after {best.site} in the operator's order"

    def _of(self, site: str) -> Standing:
        return next(standing for standing in self.standings if standing.site == site)


def _compared(
    better: Standing,
    worse: Standing,
    words: Callable[[_Criterion], Callable[[Standing, Standing, str], str]],
    data: str,
) -> str:
    """What the first criterion says that tells the two apart; empty when none does."""
    for criterion in _CRITERIA:
        if criterion.rank(better) != criterion.rank(worse):
            return words(criterion)(better, worse, data)
    return ""


def _minutes(later: Standing, sooner: Standing) -> str:
    return f"{max(1, round((later.late - sooner.late) / _MINUTE))} min"
