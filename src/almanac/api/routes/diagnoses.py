"""Why bookings' jobs took as long as they did."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from almanac.api import diagnosis_models as m
from almanac.api.dependencies import App, BookingId, Now
from almanac.api.errors import documented
from almanac.api.signing import Someone
from almanac.services.diagnoses import DiagnosisView

router = APIRouter(tags=["metrics"], responses=documented(401))


@router.get(
    "/bookings/{booking}/diagnosis",
    response_model=m.BookingDiagnosis,
    summary="Why it is slow",
    responses=documented(404, 409, 422),
)
def diagnosis(
    booking: BookingId, app: App, caller: Someone, now: Now, asked: Annotated[m.DiagnosisQuery, Query()]
) -> DiagnosisView:
    """Ranked causes with the time that each costs, the evidence and what to change; other sizes as a range.

    Live while the booking runs, final when it has ended. 503 `still_reading`: its event log is long; ask again in a moment.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" "$ALMANAC_URL/api/v1/bookings/b-7k3m9q2x/diagnosis?with=b-4f2p8w6c"`
    """
    return app.diagnoses.of(caller, asked.which(booking), now, asked.earlier)
