"""What the plan has to reckon with at the sites: their terms for a profile, and what stands there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.bookings import Booking
from almanac.core.capacity import Calendar
from almanac.core.catalogue import Profile
from almanac.core.demand_hours import Kind, Use, floor_hour, places
from almanac.core.packing import most
from almanac.core.plan import Firm, Held, SiteTerms
from almanac.core.plan_places import Place
from almanac.core.plan_room import Taken, room
from almanac.core.resources import NodeGroup, Resources
from almanac.core.windows import Window
from almanac.services.catalogue import Catalogue
from almanac.services.leads import Leads

_HOUR = timedelta(hours=1)
_MOST = 10_000
"""More places than that nobody plans for."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands at the sites, counted in a profile's places.

    Attributes:
        firm: what bookings made ahead stand on.
        held: what bookings of either kind, warm clusters and bought places hold.
    """

    firm: tuple[Firm, ...]
    held: tuple[Held, ...]


class Terms:
    """The sites' terms for the places of a profile."""

    def __init__(self, catalogue: Catalogue, leads: Leads) -> None:
        self._catalogue = catalogue
        self._leads = leads

    def of(self, profile: Profile, now: datetime, others: Sequence[Taken], hours: int) -> tuple[SiteTerms, ...]:
        """The terms of each site that offers a profile now, counted in its places.

        Args:
            profile: a profile.
            now: aware UTC.
            others: what is taken by all but what stands for this profile.
            hours: that are planned, from the present one on.

        Raises:
            NotOffered: none does.
        """
        return tuple(self._at(site, profile, now, others, hours) for site in self._catalogue.offering(profile, now))

    def taken(self, profile: Profile, places: Iterable[Place], now: datetime) -> list[Taken]:
        """What places of a profile take."""
        return [Taken(each.site, each.window, self._place(each.site, profile, now), each.id) for each in places]

    def _place(self, site: str, profile: Profile, now: datetime) -> Resources:
        groups = profile.groups(1, self._catalogue.flavors(site, now))
        return sum((group.flavor.resources * group.count for group in groups), Resources())

    def _at(self, site: str, profile: Profile, now: datetime, others: Sequence[Taken], hours: int) -> SiteTerms:
        capacity = self._catalogue.capacity(site, now)
        groups = profile.groups(1, self._catalogue.flavors(site, now))
        limits = capacity.limits
        build = self._leads.lead(site, profile.name, now)
        price = self._catalogue.terms(site).price(groups) or 1.0
        return SiteTerms(
            site,
            quota=_fitting(Calendar(capacity.hosts), groups, Window.lasting(now, _HOUR)),
            price=price,
            overhead=price * ((build + limits.teardown) / _HOUR),
            minimum=limits.minimum_lease,
            lead_time=limits.lead_time + build,
            room=room(
                sum((host.resources for host in capacity.hosts), Resources()),
                self._place(site, profile, now),
                [each for each in others if each.site == site],
                floor_hour(now),
                hours,
            ),
        )


def _fitting(empty: Calendar, groups: tuple[NodeGroup, ...], window: Window) -> int:
    """How many places a site has when nothing is booked there."""

    def fits(count: int) -> bool:
        many = [NodeGroup(group.role, group.flavor, group.count * count) for group in groups]
        return empty.place(many, window) is not None

    bound = 1
    while bound < _MOST and fits(bound):
        bound *= 2
    return most(fits, bound)


def standing(
    profile: Profile, sites: Iterable[str], bookings: Iterable[Booking], warm: Iterable[Held], bought: Iterable[Place]
) -> Standing:
    """What stands at some sites.

    Bookings hold leases of their own, which the plan neither prolongs nor lets go; those of walk-ins serve the
    forecast's demand, of which they are a part.

    Args:
        profile: in whose places it is counted.
        sites: their names; what is elsewhere doesn't count.
        bookings: confirmed ones, of any profile.
        warm: what warm clusters of the profile hold.
        bought: what was bought for the profile.
    """
    there = frozenset(sites)
    smallest = 1 + profile.workers_for(1)
    firm, held = [], [each for each in warm if each.site in there]
    for booking in bookings:
        if booking.profile == profile.name and booking.site in there:
            count = places(1 + booking.workers, smallest)
            held.append(Held(booking.id, booking.site, booking.claim_window, count, pinned=True))
            if Use(profile.name, count, booking.created_at, booking.window).kind is Kind.BOOKED:
                firm.append(Firm(booking.id, booking.site, booking.claim_window, count))
    held += [Held(place.id, place.site, place.window, 1) for place in bought if place.site in there]
    return Standing(tuple(firm), tuple(held))
