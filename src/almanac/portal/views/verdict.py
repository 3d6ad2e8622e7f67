"""What would become of a booking, told while its form is filled in; nothing is held."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from almanac.core.errors import AlmanacError, NoCapacity
from almanac.core.windows import Window
from almanac.portal import booking_form
from almanac.portal.booking_form import BookForm
from almanac.portal.reader import Reader, Reading
from almanac.services.requests import AvailabilityQuery
from almanac.services.views import OfferView

router = APIRouter()


@router.get("/book/verdict")
def verdict(form: Annotated[BookForm, Query()], reader: Reading) -> HTMLResponse:
    """Whether it fits as asked, where, and for how much; or why not, and what would."""
    try:
        offer = _offer(reader, form)
    except AlmanacError as error:
        return reader.page(
            "_refusal.html", refusal=booking_form.told(error, reader.times), form=form, new_key=booking_form.new_key
        )
    return reader.page("_verdict.html", offer=offer, form=form)


def _offer(reader: Reader, form: BookForm) -> OfferView:
    asked = form.request(reader.times)
    window = Window.lasting(asked.start or reader.now, asked.duration)
    project = booking_form.payer(reader.caller, form.project)
    query = AvailabilityQuery(asked.profile, asked.duration, asked.seats, window, asked.site, 1, project)
    found = reader.app.finder.availability(reader.caller, query, reader.now)
    if found.refusal is not None:
        raise NoCapacity(found.refusal["message"], hint="", details={"refusal": found.refusal})
    if not found.offers:
        raise NoCapacity("It doesn't fit as asked.", hint="Choose another time or size.")
    return found.offers[0]
