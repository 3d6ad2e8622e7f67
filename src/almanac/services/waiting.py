"""The waiting list: requests that don't fit wait, and are offered what comes free; ``core.waiting`` has the rule.

Each look goes by what is true now, not by what happened: an Almanac that was killed offers at its next look what it would have
offered. An offer and its place in the line are written in one transaction, so nobody is passed over or served twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from almanac.core.bookings import Booking, BookingTarget
from almanac.core.errors import AlmanacError, BadWindow, NoCapacity, QuotaExceeded, WrongState
from almanac.core.placement import Offer
from almanac.core.waiting import MISSES, Outcome, Waiting, barred, in_its_way, in_line
from almanac.core.windows import Window
from almanac.services.calendars import Calendars, Joint
from almanac.services.caller import Caller, Role
from almanac.services.catalogue import Catalogue
from almanac.services.choosing import Ask
from almanac.services.finding import Finder
from almanac.services.lookup import new_id
from almanac.services.making import Maker
from almanac.services.requests import BookingRequest, check_duration, project_for, spoken, start_of
from almanac.services.rules import Rules
from almanac.services.waiting_state import WaitingView, close, tell, view_of_entry, visible_entry, words
from almanac.storage.database import Database

log = logging.getLogger(__name__)

MOST_PER_PERSON = 20
_PLACES = 5
"""Places at which to look for one that nobody ahead bars."""
_AT_LEAST_EVERY = timedelta(minutes=1)
"""Even if no claim has changed: sites come back, grants are given."""


@dataclass(frozen=True, slots=True)
class WaitRequest:
    """A request that may wait: ``within`` is the window in which it may begin and end."""

    profile: str
    duration: timedelta
    within: Window
    seats: int = 1
    project: str | None = None
    site: str | None = None
    title: str = ""
    data: str | None = None


class WaitingList:
    """The line, and the look that serves it. ``notify`` wakes the loop."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        calendars: Calendars,
        finder: Finder,
        maker: Maker,
        rules: Rules,
        notify: Callable[[], None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._finder = finder
        self._maker = maker
        self._rules = rules
        self._notify = notify
        self._looked: tuple[object, datetime] | None = None

    # --- people ----------------------------------------------------------------------------------------------------------

    def wait(self, caller: Caller, request: WaitRequest, now: datetime) -> WaitingView:
        """Join the line. If it fits already, its turn comes at once.

        Raises:
            BadWindow: the window is shorter than what is asked for, or past.
            NoCapacity: no site is large enough, so waiting would be for nothing.
            QuotaExceeded: too many wait for this person, or the project's grant doesn't cover it.
            BadRequest, UnknownProfile, NotFound, NotOffered, Forbidden, SiteTrouble: as they say.
        """
        entry = self._entry(caller, request, now)
        self._check_ever(self._ask(entry, entry.within.start), now)
        with self._database.write() as unit:
            mine = [each for each in unit.waiting.open() if each.owner == caller.person]
            if len(mine) >= MOST_PER_PERSON:
                raise QuotaExceeded(
                    f"{MOST_PER_PERSON} requests of yours wait already.", hint="Withdraw one: almanac waiting"
                )
            unit.waiting.add(entry)
            tell(unit, entry, now, "waiting", f"Waits for {words(entry)}.", caller.person)
            view = view_of_entry(unit, entry, now)
        self._notify()
        return view

    def worth(self, caller: Caller, request: WaitRequest, now: datetime) -> bool:
        """Whether the request may wait and could ever be served."""
        try:
            entry = self._entry(caller, request, now)
            self._check_ever(self._ask(entry, entry.within.start), now)
        except AlmanacError:
            return False
        return True

    def _entry(self, caller: Caller, request: WaitRequest, now: datetime) -> Waiting:
        project = project_for(caller, request.project)
        check_duration(self._catalogue.profile(request.profile), request.duration)
        if request.within.end <= now:
            raise BadWindow("The window is past.", hint="Give one that is still to come.")
        start = now if request.within.start <= now else start_of(request.within.start, now)
        if request.within.end - start < request.duration:
            raise BadWindow(
                f"{spoken(request.duration)} can't begin and end in that window.",
                hint="Give a window at least as long as the booking.",
            )
        return Waiting(
            id=f"w-{new_id()[2:]}",
            project=project,
            owner=caller.person,
            profile=request.profile,
            seats=request.seats,
            duration=request.duration,
            within=Window(start, request.within.end),
            asked_at=now,
            turn_at=now,
            title=request.title,
            site=request.site,
            data=request.data,
        )

    def _check_ever(self, ask: Ask, now: datetime) -> None:
        if self._finder.could_ever(ask, now):
            return
        refused = self._finder.refused(ask, now)
        raise NoCapacity(f"Waiting would be for nothing. {refused.message}", hint=refused.hint, details=refused.details)

    def list(self, caller: Caller, now: datetime, *, mine: bool) -> list[WaitingView]:
        """One's own requests, or all that one sees, in the order of their turns."""
        with self._database.read() as unit:
            found = unit.waiting.list(owner=caller.person if mine else None, projects=caller.projects)
            return [view_of_entry(unit, each, now) for each in found]

    def open(self, caller: Caller) -> tuple[int, int]:
        """How many of the caller's own requests are in the line, and how many of these have an offer."""
        with self._database.read() as unit:
            mine = [each for each in unit.waiting.open() if each.owner == caller.person]
        return len(mine), sum(each.offer_id is not None for each in mine)

    def get(self, caller: Caller, waiting_id: str, now: datetime) -> WaitingView:
        """One request.

        Raises:
            NotFound: there is none, or the caller doesn't see its project.
        """
        with self._database.read() as unit:
            return view_of_entry(unit, visible_entry(unit, caller, waiting_id), now)

    def withdraw(self, caller: Caller, waiting_id: str, now: datetime) -> WaitingView:
        """Leave the line; an offer that it has stays until it is accepted or expires.

        Raises:
            WrongState: it has left the line already.
            NotFound, Forbidden: it isn't the caller's.
        """
        with self._database.write() as unit:
            entry = visible_entry(unit, caller, waiting_id)
            caller.can_change(entry.project, entry.owner, f"request {waiting_id}")
            if entry.outcome is Outcome.WITHDRAWN:
                return view_of_entry(unit, entry, now)
            if entry.closed_at is not None:
                raise WrongState(f"{waiting_id} doesn't wait any more: {entry.outcome}.", hint="almanac waiting")
            return view_of_entry(unit, close(unit, entry, Outcome.WITHDRAWN, now, caller.person), now)

    # --- the loop --------------------------------------------------------------------------------------------------------

    def look(self, now: datetime) -> None:
        """Settle what became of offers, and offer what is free to the first in line that it fits."""
        with self._database.read() as unit:
            line = in_line(unit.waiting.open())
            if not line:
                return
            offers = unit.bookings.some([each.offer_id for each in line if each.offer_id])
        for entry in line:
            self._settle(entry, offers.get(entry.offer_id or ""), now)
        state = self._state()
        if self._looked is not None and self._looked[0] == state and now - self._looked[1] < _AT_LEAST_EVERY:
            return
        self._serve_all(now)
        self._looked = (self._state(), now)

    def _state(self) -> object:
        """What an earlier look went by: claims, and who waits."""
        with self._database.read() as unit:
            pools = tuple(unit.sites.pool_version(site) for site in self._catalogue.names)
            return pools, tuple((each.id, each.turn_at, each.offer_id) for each in unit.waiting.open())

    def _settle(self, entry: Waiting, offer: Booking | None, now: datetime) -> None:
        """Note that an offer was taken or lapsed, or that its time is over."""
        if offer is not None:
            if offer.target is BookingTarget.OFFERED:
                return
            accepted = offer.target is not BookingTarget.CANCELLED or offer.expires_at is None
            outcome = Outcome.SERVED if accepted else Outcome.REFUSED if offer.approval else None
        else:
            outcome = Outcome.OVER if entry.search(now, self._rules.waiting_held_for) is None else None
            if outcome is None:
                return
        with self._database.write() as unit:
            fresh = unit.waiting.get(entry.id)
            if fresh is None or fresh != entry:
                return  # somebody was quicker: the next look goes by what is true then
            if outcome is not None:
                close(unit, entry, outcome, now)
            elif entry.missed + 1 >= MISSES:
                close(unit, replace(entry, missed=entry.missed + 1), Outcome.MISSED, now)
            else:
                back = replace(entry, missed=entry.missed + 1, offer_id=None, turn_at=now)
                unit.waiting.replace(back)
                tell(unit, back, now, "missed", "The offer was not accepted in time: back to the end of the line.")

    def _serve_all(self, now: datetime) -> None:
        with self._database.read() as unit:
            line = in_line(unit.waiting.open())
        ahead: list[Waiting] = []
        for entry in line:
            if entry.offer_id is not None:
                continue
            try:
                served = self._serve(entry, ahead, now)
            except AlmanacError as error:
                log.debug("%s waits on: %s", entry.id, error.message)
                served = False
            if not served:
                ahead.append(entry)

    def _serve(self, entry: Waiting, ahead: Sequence[Waiting], now: datetime) -> bool:
        """Offer an entry the first place that it fits and that nobody ahead bars."""
        within = entry.search(now, self._rules.waiting_held_for)
        if within is None:
            return False
        found = self._finder.places(self._ask(entry, within.start), within, now, _PLACES)
        place = next((each for each in found if not _barred(ahead, each)), None)
        if place is None:
            return False
        with self._calendars.changing_all(now) as joint:
            return self._offer(joint, entry, place, ahead, now)

    def _offer(self, joint: Joint, entry: Waiting, place: Offer, ahead: Sequence[Waiting], now: datetime) -> bool:
        unit = joint.unit
        if unit.waiting.get(entry.id) != entry:
            return False
        role = unit.people.members(entry.project).get(entry.owner)
        if role is None:
            close(unit, entry, Outcome.REFUSED, now)
            return True
        held_for = self._rules.waiting_held_for
        caller = Caller(entry.owner, roles={entry.project: Role(role)})
        made = self._maker.make(caller, _request(entry, place), now, held_for=held_for, joint=joint)
        unit.waiting.replace(replace(entry, offer_id=made.id))
        for passed in in_its_way(ahead, place.site, place.claim_window):
            fresh = unit.waiting.get(passed.id)
            if fresh is not None and fresh.closed_at is None:
                unit.waiting.replace(replace(fresh, passed=fresh.passed + 1))
        if made.approval:
            told = f"There is room for {words(entry)}; it waits for an approval now: {made.approval}."
        else:
            told = f"Your turn: held until {made.expires_at:%Y-%m-%d %H:%M} UTC. Take it: almanac accept {made.id}"
        tell(unit, entry, now, "your_turn", told, booking=made.id)
        return True

    def _ask(self, entry: Waiting, start: datetime) -> Ask:
        profile = self._catalogue.profile(entry.profile)
        window = Window.lasting(start, entry.duration)
        return Ask(profile, entry.seats, window, entry.project, entry.site, entry.data)


def _barred(ahead: Sequence[Waiting], place: Offer) -> bool:
    return barred(in_its_way(ahead, place.site, place.claim_window)) is not None


def _request(entry: Waiting, place: Offer) -> BookingRequest:
    start = place.window.start
    return BookingRequest(
        entry.profile, entry.duration, start, entry.seats, entry.project, place.site, entry.title, entry.data
    )
