"""Sites and profiles: what there is to book, and where."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from almanac.core.catalogue import Profile
from almanac.core.choosing import Terms
from almanac.core.errors import AlmanacError, NotFound, NotOffered, SiteTrouble, UnknownProfile
from almanac.core.fitting import by_name
from almanac.core.ports import Limits, Site, SiteCapacity, SiteError
from almanac.core.resources import Flavor, Resources
from almanac.core.windows import Window
from almanac.services.asking import Asking, NoAnswerYet
from almanac.services.rules import Rules
from almanac.services.views import NodeView, ProfileView, SiteView
from almanac.storage.database import Database

log = logging.getLogger(__name__)

_FRESH = timedelta(seconds=30)
_DRAINED_FRESH = timedelta(seconds=1)
_PATIENCE_S = 2.0
_PLAIN = Rules()


class Catalogue:
    """The sites of this Almanac and the profiles that people book.

    A site's capacity is asked for at most every 30 seconds; while a site is in trouble its last known capacity stands.

    Args:
        database: where it is kept which sites are drained.
        sites: in the operator's order of preference.
        profiles: what people book.
        rules: the operator's, for the terms of sites and the shapes of nodes.
    """

    def __init__(
        self,
        database: Database,
        sites: Sequence[Site],
        profiles: Sequence[Profile],
        rules: Rules = _PLAIN,
    ) -> None:
        self._database = database
        self._terms = rules.terms
        self._shapes = rules.shapes
        self._asking: Asking[SiteCapacity] = Asking(_PATIENCE_S)
        self._asked: dict[str, datetime] = {}
        self._sites = {site.name: site for site in sites}
        self._profiles = {profile.name: profile for profile in profiles}
        self._known: dict[str, SiteCapacity] = {}
        self._flavors: dict[str, tuple[SiteCapacity, Mapping[str, Flavor]]] = {}
        self._trouble: dict[str, str] = {}
        self._drained: tuple[datetime, frozenset[str]] | None = None
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """All sites' names, in the operator's order of preference."""
        return tuple(self._sites)

    @property
    def all_profiles(self) -> tuple[Profile, ...]:
        """All profiles, in catalogue order."""
        return tuple(self._profiles.values())

    def site(self, name: str) -> Site:
        """The site of that name.

        Raises:
            NotFound: there is none.
        """
        if name not in self._sites:
            raise NotFound(f"There is no site {name}.", hint=f"Sites: {', '.join(self._sites)}.")
        return self._sites[name]

    def profile(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            UnknownProfile: there is none; the hint lists what there is.
        """
        if name not in self._profiles:
            raise UnknownProfile(f"There is no profile {name}.", hint=f"Profiles: {', '.join(self._profiles)}.")
        return self._profiles[name]

    def profile_or_plain(self, name: str) -> Profile:
        """The profile of that name, or, if the operator has removed it since, one with the usual rules."""
        return self._profiles.get(name) or Profile(name, name, head="")

    def capacity(self, site: str, now: datetime) -> SiteCapacity:
        """The site's capacity, at most 30 s old unless the site is in trouble.

        Raises:
            SiteTrouble: it has never answered.
        """
        with self._lock:
            known, asked = self._known.get(site), self._asked.get(site)
            # A site in trouble, too, is asked every 30 s only: whoever asks may have to wait.
            if known is not None and asked is not None and now - asked < _FRESH:
                return known
        try:
            fresh = self._asking.ask(site, self.site(site).capacity)
        except NoAnswerYet as silence:
            if silence.hangs:
                self.heard(site, str(silence))
            return self._last(site, known, silence)
        except SiteError as error:
            self.heard(site, str(error))
            with self._lock:
                self._asked[site] = now
            return self._last(site, known, error)
        with self._lock:
            self._known[site], self._asked[site] = fresh, now
        self.heard(site, None)
        return fresh

    @staticmethod
    def _last(site: str, known: SiteCapacity | None, error: SiteError) -> SiteCapacity:
        """What the site told last, or why nothing is known of it."""
        if known is None:
            raise SiteTrouble(f"The site {site} doesn't answer: {error}", hint="Try another site, or later.") from None
        return known

    def heard(self, site: str, trouble: str | None) -> None:
        """Note that a site answered (None), or why it didn't: others are better for new bookings meanwhile."""
        with self._lock:
            before = self._trouble.pop(site, None)
            if trouble is not None:
                self._trouble[site] = trouble
        if trouble is not None and before is None:
            log.warning("site %s doesn't answer: %s", site, trouble)
        elif trouble is None and before is not None:
            log.info("site %s answers again", site)

    def trouble(self, site: str) -> str | None:
        """Why the site didn't answer when it was last asked; None if it did."""
        return self._trouble.get(site)

    def terms(self, site: str) -> Terms:
        """Its prices, and the data that lies there."""
        return self._terms.get(site, Terms())

    def data(self, labels: Iterable[str], sites: Sequence[str], now: datetime) -> dict[str, str]:
        """Label -> the path at which clusters find that data, at the first of some sites that mounts it; empty: at none."""
        mounts = [self._mounts(site, now) for site in sites]
        return {label: next((known[label] for known in mounts if label in known), "") for label in labels}

    def _mounts(self, site: str, now: datetime) -> Mapping[str, str]:
        try:
            return self.capacity(site, now).mounts
        except AlmanacError:
            return {}

    def price(self, site: str, profile: str, seats: int, now: datetime) -> float:
        """What a profile costs at a site for an hour; 0 for one that the catalogue or the site doesn't have any more."""
        if site not in self._terms or profile not in self._profiles:
            return 0.0
        try:
            return self._terms[site].price(self._profiles[profile].groups(seats, self.flavors(site, now)))
        except (AlmanacError, KeyError):
            return 0.0

    def limits(self, site: str, now: datetime) -> Limits:
        """The site's limits; the usual ones for a site that is gone or has never answered."""
        try:
            return self.capacity(site, now).limits
        except AlmanacError:
            return Limits()

    def reserved(self, site: str, now: datetime) -> bool:
        """Whether the site truly holds capacity ahead of time."""
        try:
            return self.capacity(site, now).reserved
        except AlmanacError:
            return False

    def flavors(self, site: str, now: datetime) -> Mapping[str, Flavor]:
        """The site's flavors by name, and by the names that they stand in for."""
        capacity = self.capacity(site, now)
        kept = self._flavors.get(site)
        if kept is None or kept[0] is not capacity:
            kept = self._flavors[site] = (capacity, by_name(capacity.flavors, self._shapes))
        return kept[1]

    def offering(self, profile: Profile, now: datetime, wish: str | None = None) -> tuple[str, ...]:
        """The sites that offer a profile now: not drained, with its flavors, and the wished one only if there is a wish.

        Raises:
            NotFound: the wished site doesn't exist.
            NotOffered: none offers it; the message says why for each.
        """
        names = (self.site(wish).name,) if wish else (profile.sites or self.names)
        why_not = {name: self._why_not(profile, name, now) for name in names if name in self._sites}
        found = tuple(name for name, why in why_not.items() if not why)
        if not found:
            raise self._not_offered(profile, why_not, now)
        return found

    def _not_offered(self, profile: Profile, why_not: Mapping[str, str], now: datetime) -> NotOffered:
        reasons = "; ".join(f"{name} {why}" for name, why in why_not.items()) or "there are no sites"
        others = [p.name for p in self.all_profiles if any(not self._why_not(p, name, now) for name in why_not)]
        hint = f"Offered there: {', '.join(others)}." if others else "Ask the operator (almanac sites shows each site)."
        return NotOffered(f"No site offers {profile.name} now: {reasons}.", hint=hint)

    def _why_not(self, profile: Profile, name: str, now: datetime) -> str:
        if profile.sites and name not in profile.sites:
            return "doesn't offer it"
        if self.drained(name, now):
            return "is being drained"
        try:
            flavors = self.flavors(name, now)
        except SiteTrouble as trouble:
            return trouble.message.removeprefix(f"The site {name} ")
        missing = [flavor for flavor in (profile.head, profile.worker) if flavor and flavor not in flavors]
        return f"has no flavor {' or '.join(missing)}, nor one as large" if missing else ""

    def drained(self, name: str, now: datetime) -> bool:
        """Whether a site takes no new bookings; what another process has set is known within a second."""
        known = self._drained
        if known is None or not timedelta(0) <= now - known[0] < _DRAINED_FRESH:
            with self._database.read() as unit:
                known = self._drained = (now, frozenset(site for site in self._sites if unit.sites.drained(site)))
        return name in known[1]

    def profiles(self, now: datetime) -> list[ProfileView]:
        """All profiles with where they are offered; a profile that no site can carry has no sites."""
        return [self._profile_view(profile, now) for profile in self.all_profiles]

    def _profile_view(self, profile: Profile, now: datetime) -> ProfileView:
        sites = tuple(name for name in self.names if not self._why_not(profile, name, now))
        flavors = self.flavors(sites[0], now) if sites else {}

        def node(flavor: str) -> NodeView:
            return NodeView(flavor, flavors[flavor].resources if flavor in flavors else Resources())

        return ProfileView(
            profile.name,
            profile.title,
            sites,
            profile.workers,
            profile.max_workers,
            profile.seats_per_worker,
            profile.max_seats,
            node(profile.head),
            node(profile.worker) if profile.worker else None,
            profile.max_duration,
            profile.warm,
            self.data(profile.data, sites, now),
        )

    def sites(self, now: datetime) -> list[SiteView]:
        """All sites with what is free at this moment."""
        return [self._site_view(name, now) for name in self.names]

    def _site_view(self, name: str, now: datetime) -> SiteView:
        drained = self.drained(name, now)
        with self._database.read() as unit:
            claims = unit.claims.current(name, now)
        try:
            known = self.capacity(name, now)
        except SiteTrouble as trouble:
            nothing = Resources()
            return SiteView(name, False, "", drained, trouble.message, (), nothing, nothing)
        total = sum((host.resources for host in known.hosts), Resources())
        moment = Window(now, now + timedelta(microseconds=1))
        used = sum((claim.resources for claim in claims if claim.window.overlaps(moment)), Resources())
        hosts = tuple((host.name, host.resources) for host in known.hosts)
        return SiteView(
            name,
            known.reserved,
            known.isolation,
            drained,
            self.trouble(name),
            hosts,
            total,
            total - used,
            tuple(sorted(self.terms(name).data)),
            known.mounts,
            known.leftovers,
        )

    def set_drained(self, name: str, now: datetime | None) -> None:
        """Stop (or, with None, resume) placing bookings at a site; what runs there goes on."""
        self.site(name)
        with self._database.write() as unit:
            unit.sites.set_drained(name, now)
        self._drained = None
