"""The operator's rules on booking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from almanac.core.choosing import Terms
from almanac.core.resources import Flavor
from almanac.services.dials import Dials


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's rules on booking.

    Attributes:
        offer_held_for: how long an offer is held.
        waiting_held_for: how long an offer to somebody on the waiting list is held.
        approval_held_for: how long what needs an approval is held for it, but not beyond its start (an hour at least).
        require_grants: whether a project without a grant at a site may book there.
        terms: prices and data, by site; a site without any costs nothing and has no data.
        shapes: what the names of flavors in profiles mean at a site that has none of that name: its smallest that is as
            large stands in.
        plan: how much is held ahead for those who don't book; None: nothing.
    """

    offer_held_for: timedelta = timedelta(minutes=10)
    require_grants: bool = False
    terms: Mapping[str, Terms] = field(default_factory=dict)
    shapes: tuple[Flavor, ...] = ()
    waiting_held_for: timedelta = timedelta(minutes=30)
    approval_held_for: timedelta = timedelta(days=2)
    plan: Dials | None = None
