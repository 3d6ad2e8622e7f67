"""Bookings that recur: ``series add``, ``list``, ``show``, ``edit``, ``cancel``."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Data, For, Json, ProfileName, Project, Seats, SiteName, command
from almanac.core.errors import BadRequest

if TYPE_CHECKING:
    from almanac.client.recurring_models import Series, SeriesPlan, Verdict
    from almanac.core.series import Policy

SeriesId = Annotated[str, typer.Argument(metavar="SERIES", help="A series' id, such as s-7k3m9q2x4a.")]
At = Annotated[str, typer.Option("--at", metavar="TIME", help='The first one, such as "tuesday 10:00".')]
Zone = Annotated[
    str | None, typer.Option("--zone", metavar="NAME", help="Its time zone, such as Europe/Madrid; yours if not given.")
]
AllOrNothing = Annotated[bool, typer.Option("--all-or-nothing", help="Change nothing unless all of it fits.")]
Plan = Annotated[bool, typer.Option("--plan", help="Only ask what would become of each date.")]
One = Annotated[str | None, typer.Option("--date", metavar="DATE", help="Only this date of it, such as 2027-03-16.")]
From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="This date of it and the following ones.")]
All = Annotated[bool, typer.Option("--all", help="All that is still to come.")]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    series = options.group("Bookings that recur: a verdict on each date, then all that fit or nothing.")
    example = (
        'almanac series add spark-class --at "tuesday 10:00" --for 2h --repeat weekly --until 2027-06-01 --seats 30'
    )
    command(series, "add", example=example)(add)
    command(series, "list", example="almanac series list")(list_series)
    command(series, "show", example="almanac series show s-7k3m9q2x4a")(show)
    edit_example = 'almanac series edit s-7k3m9q2x4a --from 2027-03-16 --at "2027-03-17 14:00"'
    command(series, "edit", example=edit_example)(edit)
    command(series, "cancel", example="almanac series cancel s-7k3m9q2x4a --date 2027-03-16")(cancel)
    app.add_typer(series, name="series", rich_help_panel="Book")


def add(
    profile: ProfileName,
    *,
    at: At,
    length: For,
    repeat: Annotated[
        str, typer.Option("--repeat", metavar="HOW", help="daily, weekdays, weekly, monthly, or days such as mon,wed.")
    ] = "weekly",
    every: Annotated[int, typer.Option("--every", min=1, max=99, help="2: every second day, week or month.")] = 1,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last date.")] = None,
    times: Annotated[int | None, typer.Option("--times", min=1, max=200, help="How many, instead of --until.")] = None,
    leave_out: Annotated[list[str] | None, typer.Option("--except", metavar="DATE", help="A date without one.")] = None,
    move: Annotated[
        list[str] | None, typer.Option("--move", metavar="DATE=TIME", help='Such as "2027-03-16=2027-03-17 14:00".')
    ] = None,
    seats: Seats = 1,
    project: Project = None,
    site: SiteName = None,
    title: Annotated[str | None, typer.Option("--title", help="A name for people.")] = None,
    data: Data = None,
    zone: Zone = None,
    all_or_nothing: AllOrNothing = False,
    plan: Plan = False,
    json: Json = False,
) -> None:
    """Book a series, in local time: 10:00 stays 10:00 when the clocks change."""
    from almanac.client.recurring_models import SeriesRequest

    name = _zone(zone)
    frequency, weekdays = _repeat(repeat)
    moves = [_divided(text) for text in move or ()]
    request = SeriesRequest(
        profile,
        _local(at, name),
        options.length(length),
        name,
        frequency,
        every,
        weekdays,
        _date(until) if until else None,
        times,
        tuple(_date(each) for each in leave_out or ()),
        {_date(day): _local(start, name) for day, start in moves},
        seats,
        project,
        site,
        title,
        data,
    )
    with options.client() as client:
        if plan:
            _show_plan(client.series.plan(request), name, json=json)
            return
        booked = client.series.book(request, _policy(all_or_nothing=all_or_nothing))
    _show(booked, f"{booked.id}: {booked.profile}, {booked.rule}", json=json)


def list_series(
    everyone: Annotated[bool, typer.Option("--everyone", help="Of everybody in my projects.")] = False,
    json: Json = False,
) -> None:
    """My series."""
    with options.client() as client:
        found = client.series.all(mine=not everyone)
    if json:
        output.as_json(found)
        return
    rows = [
        (each.id, each.profile, each.rule, sum(1 for one in each.occurrences if one.booking), each.owner, each.title)
        for each in found
    ]
    output.table(
        ("Series", "Profile", "When", "Booked", "Owner", "Title"),
        rows,
        empty='No series. Such as: almanac series add PROFILE --at "tuesday 10:00" --for 2h --times 10',
    )


def show(series: SeriesId, json: Json = False) -> None:
    """One series and its dates."""
    with options.client() as client:
        found = client.series.get(series)
    if json:
        output.as_json(found)
        return
    what = f"{found.profile} for {found.owner} in {found.project}"
    output.facts([("Series", found.id), ("Title", found.title), ("When", found.rule), ("What", what)])
    _show_dates(found)


def edit(
    series: SeriesId,
    *,
    one: One = None,
    following: From = None,
    everything: All = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="New start of that date, such as 14:00; others move as far."),
    ] = None,
    length: Annotated[str | None, typer.Option("--for", metavar="LENGTH", help="How long, such as 2h.")] = None,
    seats: Annotated[int | None, typer.Option("--seats", min=1, help="How many.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="A name for people.")] = None,
    all_or_nothing: AllOrNothing = False,
    plan: Plan = False,
    json: Json = False,
) -> None:
    """Move, lengthen or resize one date, this and the following, or all. What doesn't fit stays as it was."""
    from almanac.client.recurring_models import SeriesChange

    scope, day = _scope(one, following, everything=everything)
    with options.client() as client:
        known = client.series.get(series)
        start = None
        if at is not None:
            day = day or _next(known)
            start = _moved(known, day, at)
        span = options.length(length) if length else None
        policy = _policy(all_or_nothing=all_or_nothing)
        change = SeriesChange(scope, day, start, span, seats, title, policy)
        if plan:
            _show_plan(client.series.plan_edit(series, change), known.zone, json=json)
            return
        changed = client.series.edit(series, change)
    _show(changed, f"{series} is changed", json=json)


def cancel(
    series: SeriesId, *, one: One = None, following: From = None, everything: All = False, json: Json = False
) -> None:
    """Call off one date, this and the following, or all; what has begun stays."""
    scope, day = _scope(one, following, everything=everything)
    with options.client() as client:
        changed = client.series.cancel(series, scope, day)
    _show(changed, series, json=json)


# --- what people write ---------------------------------------------------------------------------------------------------


def _zone(name: str | None) -> str:
    """The zone that was named, or this terminal's."""
    from almanac.client.words import zone_name
    from almanac.core.local_time import zone_named

    found = name or zone_name()
    if found is None:
        raise BadRequest("This machine doesn't say its time zone.", hint="Name it: --zone Europe/Madrid")
    zone_named(found)
    return found


def _local(text: str, zone: str) -> datetime:
    """A time that somebody wrote, as the zone's clocks show it."""
    from almanac.cli.times import parse_time
    from almanac.core.local_time import zone_named

    there = zone_named(zone)
    try:
        written = datetime.fromisoformat(text.strip())
    except ValueError:
        written = None
    if written is not None and written.tzinfo is None and written.time() != time(0):
        return written  # as it stands there: whether the clocks skip it is the server's to say
    return parse_time(text, datetime.now(UTC), there).at.astimezone(there).replace(tzinfo=None)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadRequest(f"{text!r} is not a date.", hint="Write it like 2027-03-16.") from None


def _divided(text: str) -> tuple[str, str]:
    day, found, start = text.partition("=")
    if not found:
        raise BadRequest(f"{text!r} doesn't say where to.", hint='Such as: --move "2027-03-16=2027-03-17 14:00"')
    return day, start


def _repeat(text: str) -> tuple[str, tuple[int, ...]]:
    words = text.strip().lower()
    if words in {"daily", "weekly", "monthly"}:
        return words, ()
    if words == "weekdays":
        return "weekly", (0, 1, 2, 3, 4)
    days = [each.strip()[:3] for each in words.split(",")]
    if all(day in DAYS for day in days):
        return "weekly", tuple(sorted({DAYS.index(day) for day in days}))
    raise BadRequest(
        f"{text!r} is no way to repeat.", hint="daily, weekdays, weekly, monthly, or days such as mon,wed."
    )


def _policy(*, all_or_nothing: bool) -> Policy:
    from almanac.core.series import Policy

    return Policy.ALL_OR_NOTHING if all_or_nothing else Policy.WHAT_FITS


def _scope(one: str | None, following: str | None, *, everything: bool) -> tuple[str, date | None]:
    if [one is not None, following is not None, everything].count(True) != 1:
        raise BadRequest("Which of its dates?", hint="Say --date DATE, --from DATE (and the following) or --all.")
    if one is not None:
        return "one", _date(one)
    return ("following", _date(following)) if following is not None else ("all", None)


def _next(series: Series) -> date:
    """The first date that is still to come."""
    now = datetime.now(UTC)
    coming = [each.date for each in series.occurrences if each.start > now and each.state != "left_out"]
    if not coming:
        raise BadRequest(f"Nothing of {series.id} is still to come.", hint=f"almanac series show {series.id}")
    return coming[0]


def _moved(series: Series, day: date, text: str) -> datetime:
    """The new local start of a date; a clock time alone is on the day on which it is now."""
    from almanac.core.local_time import zone_named

    found = next((each for each in series.occurrences if each.date == day), None)
    if found is None:
        raise BadRequest(f"{day} is no date of {series.id}.", hint=f"almanac series show {series.id}")
    try:
        clock = time.fromisoformat(text.strip())
    except ValueError:
        return _local(text, series.zone)
    return datetime.combine(found.start.astimezone(zone_named(series.zone)).date(), clock)


# --- what is shown -------------------------------------------------------------------------------------------------------


def _show(series: Series, headline: str, *, json: bool) -> None:
    if json:
        output.as_json(series)
        return
    summary = f" {series.plan.summary}" if series.plan else ""
    output.say(f"{headline}.{summary}", style="green")
    _show_dates(series)
    if series.plan:
        _show_refusals(series.plan)


def _show_dates(series: Series) -> None:
    rows = [
        (
            each.date.isoformat(),
            _there(each.start, series.zone),
            each.seats,
            each.state,
            each.site,
            each.booking,
            each.note,
        )
        for each in series.occurrences
    ]
    headings = ("Date", f"Start ({series.zone})", "Seats", "State", "Site", "Booking", "")
    output.table(headings, rows, empty="It has no dates.")


def _show_plan(plan: SeriesPlan, zone: str, *, json: bool) -> None:
    if json:
        output.as_json(plan)
        return
    rows = [
        (each.date.isoformat(), _there(each.start, zone), each.seats, each.finding, each.site, _remark(each))
        for each in plan.verdicts
    ]
    output.table(("Date", f"Start ({zone})", "Seats", "Verdict", "Site", ""), rows, empty="It has no dates.")
    _show_refusals(plan)
    output.say(f"{plan.summary} Nothing is booked yet.")


def _show_refusals(plan: SeriesPlan) -> None:
    for each in plan.verdicts:
        if each.alternatives:
            output.say(f"{each.date}: what would fit instead:", style="yellow")
            for other in each.alternatives:
                output.say(f"  {other.message}")


def _remark(each: Verdict) -> str:
    approval = f"waits for an approval: {each.approval}" if each.approval else ""
    return "; ".join(part for part in (each.message, each.note, approval) if part)


def _there(instant: datetime, zone: str) -> str:
    from almanac.core.local_time import zone_named

    return f"{instant.astimezone(zone_named(zone)):%a %Y-%m-%d %H:%M}"
