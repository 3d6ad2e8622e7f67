"""From a request to an offer or a refusal, over the calendars of one or more sites.

A booking takes more than its window: the build comes before and the teardown after, so a window ``[s, e)`` takes the
claim window ``[s - before, e + after)``. A build can't begin in the past: near now the claim is shorter at its front,
and the cluster is ready a little after s. A site that wants leases ordered ahead of time offers nothing sooner.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from almanac.core.capacity import Calendar, Shortfall, StartRange
from almanac.core.packing import Placement, most
from almanac.core.refusals import Alternative, AlternativeKind, Refusal, shortage, spoken
from almanac.core.resources import NodeGroup
from almanac.core.windows import Window

_OTHER_SITES_NAMED = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, but for the time."""

    seats: int
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Candidate:
    """A site that could serve a request.

    Attributes:
        site: its name.
        calendar: its capacity, without what is to be ignored (expired offers, the booking to be resized).
        groups: the nodes that so many seats take there.
        before: time that a build takes.
        after: time that a teardown takes.
        lead_time: least time between asking for a lease and its start.
        minimum_lease: shortest claim window.
    """

    site: str
    calendar: Calendar
    groups: Callable[[int], tuple[NodeGroup, ...]]
    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)
    lead_time: timedelta = timedelta(0)
    minimum_lease: timedelta = timedelta(0)

    def claim_window(self, window: Window, now: datetime) -> Window:
        """What a booking window takes, build and teardown included."""
        start = max(window.start - self.before, now + self.lead_time)
        return Window(start, max(window.end + self.after, start + self.minimum_lease))


@dataclass(frozen=True, slots=True)
class Offer:
    """A concrete answer: these nodes on these hosts.

    Attributes:
        site: where.
        seats: how many.
        window: when people have it.
        claim_window: when the hosts are taken for it.
        placements: which hosts.
    """

    site: str
    seats: int
    window: Window
    claim_window: Window
    placements: tuple[Placement, ...]


def offer_at(
    candidates: Sequence[Candidate],
    request: Request,
    start: datetime,
    now: datetime,
    elsewhere: Sequence[Candidate] = (),
) -> Offer | Refusal:
    """An offer at the asked time, or why there is none and what there is instead.

    Args:
        candidates: the sites that would do, the best first; at least one.
        request: what is asked for.
        start: when it should begin; a site's lead time may put it off.
        now: aware UTC.
        elsewhere: sites that weren't asked for, to be named as alternatives.

    Raises:
        ValueError: no candidate.
    """
    if not candidates:
        raise ValueError("there is no site to ask")
    for candidate in candidates:
        offer = _at(candidate, request, start, now)
        if offer is not None:
            return offer
    return _refuse(candidates, request, start, now, elsewhere)


def offers(
    candidates: Sequence[Candidate], request: Request, within: Window, now: datetime, limit: int = 5
) -> tuple[Offer, ...]:
    """The next few offers inside a window, over all sites, the earliest first; at each site one after the other."""
    streams = (_stream(candidate, request, within, now) for candidate in candidates)
    return tuple(islice(heapq.merge(*streams, key=lambda offer: offer.window.start), limit))


def earliest(
    candidate: Candidate,
    request: Request,
    not_before: datetime,
    now: datetime,
    not_after: datetime | None = None,
) -> Offer | None:
    """The earliest offer of a site.

    Args:
        candidate: the site.
        request: what is asked for.
        not_before: the first start that would do.
        now: aware UTC.
        not_after: the last start that would do; None: any.
    """
    soonest = now + candidate.lead_time
    start = max(not_before, soonest)
    if not_after is not None and start > not_after:
        return None
    # A start so near that its build is cut short takes less the nearer it is; if the nearest
    # doesn't fit, none does whose claim begins at the same instant, and the others all take the same length.
    offer = _at(candidate, request, start, now)
    if offer is not None:
        return offer
    length = max(candidate.before + request.duration + candidate.after, candidate.minimum_lease)
    latest = None if not_after is None else not_after - candidate.before
    first = max(soonest, start - candidate.before)
    begin = candidate.calendar.earliest(candidate.groups(request.seats), length, first, latest)
    return None if begin is None else _at(candidate, request, begin + candidate.before, now)


def starts(candidate: Candidate, request: Request, within: Window, now: datetime) -> tuple[StartRange, ...]:
    """Every start inside a window from which the request fits at a site, as ranges in the order of time.

    Args:
        candidate: the site.
        request: what is asked for.
        within: where to look for starts.
        now: aware UTC.
    """
    soonest = now + candidate.lead_time
    whole_build = soonest + candidate.before
    found: list[StartRange] = []
    first, near = max(within.start, soonest), min(within.end, whole_build)
    # A start so near that its build is cut short: the nearer the less it takes, so if the last fits, all do.
    if first < near:
        if _at(candidate, request, near, now) is not None:
            found.append(StartRange(first, near))
        elif _at(candidate, request, first, now) is not None:
            found.append(StartRange(first, first))
    begin, end = max(within.start, whole_build) - candidate.before, within.end - candidate.before
    if begin < end:
        length = max(candidate.before + request.duration + candidate.after, candidate.minimum_lease)
        ranges = candidate.calendar.starts(candidate.groups(request.seats), length, begin, end)
        found += [StartRange(each.first + candidate.before, each.last + candidate.before) for each in ranges]
    return tuple(found)


def largest(candidate: Candidate, request: Request, start: datetime, now: datetime) -> int:
    """The most seats, up to the request's, that a site has at a time; 0 when there is none."""

    def fits(seats: int) -> bool:
        return _at(candidate, Request(seats, request.duration), start, now) is not None

    return most(fits, request.seats)


def _at(candidate: Candidate, request: Request, start: datetime, now: datetime) -> Offer | None:
    window = _window_at(candidate, request, start, now)
    claim_window = candidate.claim_window(window, now)
    placements = candidate.calendar.place(candidate.groups(request.seats), claim_window)
    return None if placements is None else Offer(candidate.site, request.seats, window, claim_window, placements)


def _window_at(candidate: Candidate, request: Request, start: datetime, now: datetime) -> Window:
    return Window.lasting(max(start, now + candidate.lead_time), request.duration)


def _stream(candidate: Candidate, request: Request, within: Window, now: datetime) -> Iterator[Offer]:
    start, last = within.start, within.end - request.duration
    while (offer := earliest(candidate, request, start, now, last)) is not None:
        tidy = _on_the_minute(candidate, request, offer, start, now)
        offer = tidy if tidy.window.start <= last else offer
        yield offer
        start = offer.window.end


def _on_the_minute(candidate: Candidate, request: Request, offer: Offer, asked: datetime, now: datetime) -> Offer:
    """The same at the next whole minute, which people can type, unless it was asked for to the instant or doesn't fit."""
    start = offer.window.start
    minute = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    if start <= asked or minute - start == timedelta(minutes=1):
        return offer
    return _at(candidate, request, minute, now) or offer


# --- refusals --------------------------------------------------------------------------------------------------------


def _refuse(
    candidates: Sequence[Candidate],
    request: Request,
    start: datetime,
    now: datetime,
    elsewhere: Sequence[Candidate],
) -> Refusal:
    """Speak of the first site, and look for alternatives at all."""
    first = candidates[0]
    window = _window_at(first, request, start, now)
    claim_window = first.claim_window(window, now)
    shortfall = first.calendar.shortfall(first.groups(request.seats), claim_window)
    if shortfall is None:
        raise ValueError(f"{first.site} has room: nothing to refuse")
    found = (
        _later(first, request, start, now) if shortfall.ever else None,
        _smaller(candidates, request, start, now),
        *_elsewhere((*candidates[1:], *elsewhere), request, start, now),
    )
    return Refusal(
        _message(first, request, window, claim_window, shortfall, alone=len(candidates) == 1),
        first.site,
        shortfall.limiting,
        shortfall.interval,
        shortfall.short,
        tuple(alternative for alternative in found if alternative is not None),
    )


def _later(candidate: Candidate, request: Request, start: datetime, now: datetime) -> Alternative | None:
    offer = earliest(candidate, request, start, now)
    if offer is None:
        return None
    return _alternative("later", _on_the_minute(candidate, request, offer, start, now))


def _smaller(candidates: Sequence[Candidate], request: Request, start: datetime, now: datetime) -> Alternative | None:
    """The largest size at the asked time; of equal ones the better site's."""
    sizes = [largest(candidate, request, start, now) for candidate in candidates]
    seats = max(sizes)
    if seats == 0:
        return None
    offer = _at(candidates[sizes.index(seats)], Request(seats, request.duration), start, now)
    return None if offer is None else _alternative("smaller", offer)


def _elsewhere(
    candidates: Sequence[Candidate], request: Request, start: datetime, now: datetime
) -> Iterator[Alternative]:
    """The same at other sites, the soonest first."""
    found = [
        _on_the_minute(each, request, offer, start, now)
        for each in candidates
        if (offer := earliest(each, request, start, now)) is not None
    ]
    found.sort(key=lambda offer: offer.window.start)
    return (_alternative("other_site", offer) for offer in found[:_OTHER_SITES_NAMED])


def _alternative(kind: AlternativeKind, offer: Offer) -> Alternative:
    verb = "fits" if offer.seats == 1 else "fit"
    message = f"{_seats(offer.seats)} {verb} at {offer.site} from {spoken(offer.window)}."
    return Alternative(kind, message, offer.site, offer.window, offer.seats)


def _message(
    candidate: Candidate, request: Request, window: Window, claim_window: Window, shortfall: Shortfall, *, alone: bool
) -> str:
    nodes = sum(group.count for group in candidate.groups(request.seats))
    what = f"{_seats(request.seats)} ({nodes} node{'' if nodes == 1 else 's'})"
    lack = shortage(shortfall.limiting, shortfall.short)
    if not shortfall.ever:
        return f"{candidate.site} is too small for {what}: even with nothing booked, {lack}."
    where = f"{candidate.site} has no room" if alone else "No site has room"
    at = "" if alone else f"at {candidate.site} "
    said = f"{where} for {what} from {spoken(window)}: {at}{lack} from {spoken(shortfall.interval)}."
    if window.start <= shortfall.interval.start and shortfall.interval.end <= window.end:
        return said
    return f"{said} (With build and teardown it would take {spoken(claim_window)}.)"


def _seats(seats: int) -> str:
    return f"{seats} seat{'' if seats == 1 else 's'}"
