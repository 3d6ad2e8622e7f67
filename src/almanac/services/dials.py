"""What an operator chooses about the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from almanac.core.demand import service_quantile
from almanac.core.errors import BadRequest
from almanac.core.local_time import zone_named
from almanac.forecasting.terms import Term


@dataclass(frozen=True, slots=True)
class Dials:
    """How much to hold for those who don't book.

    Attributes:
        missing: price of a place missing for an hour, of one held for an hour.
        at_once: share of the sessions without a booking that are to start at once.
        floor: places that are always held, by profile.
        ceiling: most places held for those who don't book, by profile; a profile that isn't named has no limit.
        zone: the time zone that people's weeks follow.
        terms: what the calendar says of coming and past weeks.

    Raises:
        BadRequest: a price that is no more than holding costs, a share of none or all, a floor above its ceiling, an
            unknown time zone.
    """

    missing: float = 30.0
    at_once: float = 0.995
    floor: Mapping[str, int] = field(default_factory=dict)
    ceiling: Mapping[str, int] = field(default_factory=dict)
    zone: str = "UTC"
    terms: Sequence[Term] = ()

    def __post_init__(self) -> None:
        if not 1 < self.missing <= 10_000:
            raise BadRequest(
                f"A missing place can't cost {self.missing:g} times a held one.",
                hint="Give more than 1 (nothing else is worth holding) and at most 10000.",
            )
        if not 0 < self.at_once < 1:
            raise BadRequest(
                f"{self.at_once:g} of all sessions can't be promised to start at once.",
                hint="Give a share between 0 and 1, such as 0.995.",
            )
        for profile, floor in self.floor.items():
            if floor < 0 or floor > self.ceiling.get(profile, floor):
                raise BadRequest(
                    f"The floor of {profile} is {floor}, its ceiling {self.ceiling.get(profile, 'open')}.",
                    hint="A floor is 0 or more, and no more than the ceiling.",
                )
        if low := sorted(profile for profile, ceiling in self.ceiling.items() if ceiling < 0):
            raise BadRequest(f"The ceiling of {low[0]} is below 0.", hint="Give 0 to hold nothing ahead.")

        zone_named(self.zone)

    @property
    def quantile(self) -> float:
        """The quantile of demand that is worth holding for."""
        return round(service_quantile(1.0, self.missing), 6)
