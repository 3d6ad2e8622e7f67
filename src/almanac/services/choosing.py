"""The sites that a request could go to, with what they cost and what speaks for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.catalogue import Profile
from almanac.core.choosing import Choice, Standing
from almanac.core.errors import NotFound, QuotaExceeded
from almanac.core.ledger import node_seconds
from almanac.core.windows import Window
from almanac.services import limits
from almanac.services.catalogue import Catalogue
from almanac.services.rules import Rules
from almanac.storage.database import Database
from almanac.storage.unit import Unit

NO_ROOM = "has no room then"
NO_GRANT = "has no grant left that covers it"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be placed.

    Attributes:
        profile: of the catalogue.
        seats: how many.
        window: as asked for; a site's lead time may put it off.
        project: who pays; None leaves grants out.
        wish: the only site that will do; None for any.
        data: label of the data that it works on; None means the profile's.
    """

    profile: Profile
    seats: int
    window: Window
    project: str | None = None
    wish: str | None = None
    data: str | None = None


class Chooser:
    """Puts the sites that offer a profile into an order."""

    def __init__(self, database: Database, catalogue: Catalogue, rules: Rules) -> None:
        self._database = database
        self._catalogue = catalogue
        self._rules = rules

    def choose(self, ask: Ask, now: datetime, unit: Unit | None = None) -> Choice:
        """The sites that could take it, as far as can be told without their calendars.

        Args:
            ask: what is to be placed.
            now: aware UTC.
            unit: the transaction whose ledger counts; None for what is committed.

        Raises:
            NotFound: the wished site doesn't exist, or no site has the data asked for.
            NotOffered: no site offers the profile now.
            QuotaExceeded: the project's grants cover it at no site.
            BadRequest: not a number of seats that the profile has.
        """
        data = self._data(ask)
        sites = self._catalogue.offering(ask.profile, now, ask.wish)
        standings = tuple(self._standing(site, ask, data, now) for site in sites)
        choice = Choice(standings, " and ".join(data), ask.wish)
        refusals = self._beyond_grants(ask, sites, unit)
        if refusals and len(refusals) == len(sites):
            raise refusals[choice.ranked[0].site]
        for site in refusals:
            choice = choice.refused(site, NO_GRANT)
        return choice

    def _data(self, ask: Ask) -> tuple[str, ...]:
        """The data's labels; one that a person gives must lie somewhere."""
        known = sorted({label for site in self._catalogue.names for label in self._catalogue.terms(site).data})
        if ask.data and ask.data not in known:
            there_is = f"There is: {', '.join(known)}." if known else "No site names any data."
            raise NotFound(f"No site has the data {ask.data}.", hint=f"{there_is} Leave it out to go anywhere.")
        if ask.data is None:
            return ask.profile.data
        return (ask.data,) if ask.data else ()

    def _standing(self, site: str, ask: Ask, data: tuple[str, ...], now: datetime) -> Standing:
        capacity = self._catalogue.capacity(site, now)
        terms = self._catalogue.terms(site)
        groups = ask.profile.groups(ask.seats, self._catalogue.flavors(site, now))
        return Standing(
            site,
            price=terms.price(groups),
            answers=self._catalogue.trouble(site) is None,
            has_data=terms.data.issuperset(data),
            late=max(timedelta(0), now + capacity.limits.lead_time - ask.window.start),
            reserved=capacity.reserved,
        )

    def _beyond_grants(self, ask: Ask, sites: Sequence[str], unit: Unit | None) -> Mapping[str, QuotaExceeded]:
        """Why the project's grants don't cover it, by site; where there is only one, the booking's transaction says it."""
        if ask.project is None or len(sites) == 1:
            return {}
        nodes = 1 + ask.profile.workers_for(ask.seats)
        need = node_seconds(nodes, ask.window.start, ask.window.end)
        with nullcontext(unit) if unit is not None else self._database.read() as ledgers:
            found = {
                site: limits.beyond_grant(
                    ledgers,
                    ask.project,
                    site,
                    ask.window.start,
                    need=need,
                    nodes=nodes,
                    require=self._rules.require_grants,
                )
                for site in sites
            }
        return {site: refusal for site, refusal in found.items() if refusal is not None}
