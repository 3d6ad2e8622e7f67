"""The operator's page of capacity: what is held ahead and why, what came of it, and the dials, tried before they are turned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated, Literal, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from almanac.core.errors import AlmanacError, WrongState
from almanac.core.local_time import zone_named
from almanac.core.windows import Window
from almanac.portal import plan_hours, term_lines
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, Reader, Reading
from almanac.services.dials import Dials
from almanac.services.plan_views import PlaceState, PlaceView, PlansView, PlanView

router = APIRouter(prefix="/capacity")

SPANS = (1, 3, 7)
"""Days that are shown before and after now."""
_DAY = 24
STATES = {
    PlaceState.HELD: "ready",
    PlaceState.ASKED_FOR: "building",
    PlaceState.NO_ROOM: "failed",
    PlaceState.PLANNED: "",
}
"""The look of a place's badge."""

_Number = Annotated[float | None, Field(allow_inf_nan=False)]
_Count = Annotated[int | None, Field(ge=0, le=1_000_000)]
_Profile = Annotated[str, Field(max_length=40)]


class Look(BaseModel):
    """Whose plan is looked at, empty for the first there is; and how many days before and after now."""

    profile: _Profile = ""
    days: Literal["1", "3", "7"] = "3"


class DialsForm(BaseModel):
    """The dials as a form has them: floor and ceiling are the profile's, all others are everybody's.

    Attributes:
        at_once: in percent.
        floor: None for none.
        ceiling: None for an open one.
        terms: one on each line; see ``term_lines``.
        seen: which dials the page showed; others may have been turned since.
    """

    profile: _Profile
    days: Literal["1", "3", "7"] = "3"
    missing: _Number = None
    at_once: _Number = None
    floor: _Count = None
    ceiling: _Count = None
    zone: Annotated[str, Field(max_length=60)] = ""
    terms: Annotated[str, Field(max_length=20_000)] = ""
    seen: Annotated[str, Field(max_length=40)] = ""

    @classmethod
    def of(cls, look: Look, found: PlansView) -> Self:
        """As the dials are now."""
        dials = found.dials
        return cls(
            profile=look.profile,
            days=look.days,
            missing=dials.missing,
            at_once=round(100 * dials.at_once, 4),
            floor=dials.floor.get(look.profile),
            ceiling=dials.ceiling.get(look.profile),
            zone=dials.zone,
            terms=term_lines.written(dials.terms, zone_named(dials.zone)),
            seen=_stamp(found),
        )

    def given(self, dials: Dials) -> dict[str, object]:
        """By name, as the service knows them; what is left empty stays as it is, but an empty floor or ceiling is none.

        Raises:
            BadRequest: an unknown time zone, a term that can't be understood.
        """
        zone = self.zone.strip() or dials.zone
        return {
            "missing": self.missing,
            "at_once": None if self.at_once is None else round(self.at_once / 100, 6),
            "floor": _with(dials.floor, self.profile, self.floor),
            "ceiling": _with(dials.ceiling, self.profile, self.ceiling),
            "zone": zone,
            "terms": term_lines.read(self.terms, zone_named(zone)),
        }


@dataclass(frozen=True, slots=True)
class Held:
    """Places beside bookings that are held over the same time, for the same reason.

    Attributes:
        trouble: why their site doesn't hold them yet.
        cost: of all of them, in the operator's unit.
        cost_without: what their absence would cost.
    """

    site: str
    window: Window
    count: int
    state: PlaceState
    trouble: str
    reason: str
    cost: float
    cost_without: float


@router.get("")
def capacity(look: Annotated[Look, Query()], reader: Reading) -> HTMLResponse:
    """What is held, was held and will be."""
    found = reader.app.plan_desk.look(reader.caller, reader.now)
    return _show(reader, found, _chosen(reader, look, found))


@router.post("/what-if")
def try_out(form: Annotated[DialsForm, Form()], reader: Posting) -> HTMLResponse:
    """What other dials would hold; nothing is changed."""
    desk = reader.app.plan_desk
    found = desk.look(reader.caller, reader.now)
    try:
        tried = desk.try_out(reader.caller, reader.now, **form.given(found.dials))
    except AlmanacError as error:
        return _show(reader, found, _asked(form), form, error=error)
    return _show(reader, found, _asked(form), form, tried)


@router.post("/dials")
def turn(form: Annotated[DialsForm, Form()], reader: Posting) -> Response:
    """Turn the dials, unless somebody else did since the page was made."""
    desk = reader.app.plan_desk
    found = desk.look(reader.caller, reader.now)
    try:
        if form.seen != _stamp(found):
            raise WrongState(
                f"{found.turned_by} turned the dials while you looked at them.",
                hint="Below they are as they are now: change what you still want to change.",
            )
        desk.turn(reader.caller, reader.now, **form.given(found.dials))
    except WrongState as error:
        return _show(reader, found, _asked(form), error=error)
    except AlmanacError as error:
        return _show(reader, found, _asked(form), form, error=error)
    return reader.go(f"/capacity?{urlencode({'profile': form.profile, 'days': form.days})}")


def held(places: Iterable[PlaceView], until: datetime) -> list[Held]:
    """Places that begin before an instant, alike ones together, by start."""

    def alike(one: PlaceView) -> tuple[datetime, datetime, str, str, str, str]:
        window = one.place.window
        return window.start, window.end, one.place.site, one.state, one.trouble, one.place.reason

    shown = sorted((one for one in places if one.place.window.start < until), key=alike)
    return [_together(list(some)) for _, some in groupby(shown, key=alike)]


def share(part: float, whole: float) -> str:
    """How one amount compares with another, such as ``81 % less than``."""
    if whole <= 0:
        return "more than" if part > 0 else "as much as"
    percent = round(100 * (part / whole - 1))
    return f"{abs(percent)} % {'more' if percent > 0 else 'less'} than" if percent else "as much as"


def _show(
    reader: Reader,
    found: PlansView,
    look: Look,
    form: DialsForm | None = None,
    tried: PlansView | None = None,
    error: AlmanacError | None = None,
) -> HTMLResponse:
    plan = _of(found, look.profile)
    other = _of(tried, look.profile)
    shown, quantile = plan or other, (found if plan else tried or found).dials.quantile
    span = int(look.days) * _DAY
    hours = plan_hours.hours(shown, quantile, reader.now, span, span, other) if shown else []
    places = shown.places if shown else ()
    return reader.page(
        "capacity.html",
        error.status if error else 200,
        look=look,
        spans=SPANS,
        profiles=_profiles(reader, found),
        found=found,
        plan=shown,
        only_tried=plan is None,
        stale=bool(plan and found.turned_at and plan.made_at < found.turned_at),
        quantile=quantile,
        hours=hours,
        days=plan_hours.days(hours, reader.times),
        drawn=plan_hours.columns(hours),
        held=held(places, reader.now + timedelta(hours=span)),
        later=sum(each.place.window.start >= reader.now + timedelta(hours=span) for each in places),
        form=form or DialsForm.of(look, found),
        effects=plan_hours.effects(found, tried) if tried else None,
        share=share,
        states=STATES,
        error=error,
        hint=hint_of(error) if error else "",
    )


def _profiles(reader: Reader, found: PlansView) -> list[str]:
    """Those with a plan first, then all others that people can book."""
    planned = [plan.profile for plan in found.plans]
    offered = [each.name for each in reader.app.catalogue.profiles(reader.now) if each.sites]
    return list(dict.fromkeys([*planned, *offered]))


def _chosen(reader: Reader, look: Look, found: PlansView) -> Look:
    """With a profile that there is."""
    there = _profiles(reader, found)
    return look if look.profile in there or not there else look.model_copy(update={"profile": there[0]})


def _asked(form: DialsForm) -> Look:
    return Look(profile=form.profile, days=form.days)


def _of(plans: PlansView | None, profile: str) -> PlanView | None:
    return next((plan for plan in plans.plans if plan.profile == profile), None) if plans else None


def _stamp(found: PlansView) -> str:
    return found.turned_at.isoformat() if found.turned_at else ""


def _with(counts: Mapping[str, int], profile: str, count: int | None) -> dict[str, int]:
    others = {name: number for name, number in counts.items() if name != profile}
    return others if count is None else others | {profile: count}


def _together(alike: Sequence[PlaceView]) -> Held:
    first = alike[0]
    cost, without = (sum(getattr(one.place, name) for one in alike) for name in ("cost", "cost_without"))
    place = first.place
    return Held(place.site, place.window, len(alike), first.state, first.trouble, place.reason, cost, without)
