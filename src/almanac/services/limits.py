"""What a person and a project may book: quotas and grants, checked inside the booking's transaction."""

from __future__ import annotations

from datetime import datetime

from almanac.core.bookings import Booking, BookingTarget
from almanac.core.errors import QuotaExceeded
from almanac.core.ledger import node_seconds
from almanac.services.lifecycle import nodes_of
from almanac.storage.unit import Unit


def check(
    unit: Unit, booking: Booking, now: datetime, *, require_grants: bool, new: bool, extra: int | None = None
) -> None:
    """Check a booking, as it is to be, against its project's quotas and grants.

    Args:
        unit: the booking's transaction.
        booking: as it is to be.
        now: aware UTC.
        require_grants: whether a project without a grant at the site may book there.
        new: whether it would be one more booking of its owner.
        extra: node-seconds that it takes more than it holds already; None for all of it.

    Raises:
        QuotaExceeded: which quota or grant, how much of it there is, and what would fit.
    """
    project = unit.people.get_project(booking.project)
    if project is not None and project.max_bookings_per_person is not None and new:
        _check_count(unit, booking, project.max_bookings_per_person, now)
    if project is not None and project.max_nodes is not None:
        _check_nodes(unit, booking, project.max_nodes)
    need = node_seconds(nodes_of(booking), booking.window.start, booking.window.end) if extra is None else extra
    of = (booking.project, booking.site, booking.window.start)
    short = beyond_grant(unit, *of, need=need, nodes=nodes_of(booking), require=require_grants)
    if short is not None:
        raise short


def _check_count(unit: Unit, booking: Booking, most: int, now: datetime) -> None:
    if unit.bookings.count_live(booking.owner, booking.project, now) >= most:
        raise QuotaExceeded(
            f"{booking.owner} has {most} bookings in {booking.project} already, which is the most there.",
            hint="Release or cancel one (almanac bookings), or ask a project lead for more.",
        )


def _check_nodes(unit: Unit, booking: Booking, most: int) -> None:
    live = (BookingTarget.OFFERED, BookingTarget.CONFIRMED)
    others = unit.bookings.list(project=booking.project, targets=live, overlapping=booking.window)
    standing = [other for other in others if other.id != booking.id]
    starts = {booking.window.start, *(b.window.start for b in standing if booking.window.contains(b.window.start))}
    peak, at = max((sum(nodes_of(b) for b in standing if b.window.contains(t)), t) for t in starts)
    if peak + nodes_of(booking) > most:
        raise QuotaExceeded(
            f"{booking.project} may have {most} nodes at a time; at {at:%Y-%m-%d %H:%M} UTC {peak} are booked "
            f"and this needs {nodes_of(booking)} more.",
            hint="Choose a smaller profile or another time, or ask an operator for a larger quota.",
        )


def beyond_grant(
    unit: Unit, project: str, site: str, at: datetime, *, need: int, nodes: int, require: bool
) -> QuotaExceeded | None:
    """Why a project's grant at a site doesn't cover something; None when it does, or needn't.

    Args:
        unit: a transaction.
        project: whose grants.
        site: where.
        at: the instant that they must cover.
        need: node-seconds.
        nodes: how many share them, for the hint.
        require: whether a project without a grant at the site may book there.
    """
    if not require and not unit.ledger.metered(project, site):
        return None
    left = max(0, unit.ledger.balance(project, site, at).available)
    if need <= left:
        return None
    hours = left / 3600 / nodes
    return QuotaExceeded(
        f"This needs {need / 3600:.1f} node-hours at {site}; {project} has {left / 3600:.1f} left there for {at:%Y-%m-%d}.",
        hint=f"It would do for {hours:.1f} h of this profile. Ask an operator for a grant."
        if hours > 0
        else "Ask an operator for a grant (almanac admin grants).",
    )
