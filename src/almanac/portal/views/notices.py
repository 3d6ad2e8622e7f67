"""What I was told: reminders, what became of my bookings; and which of it is mailed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from almanac.portal.reader import Posting, Reading
from almanac.services.notices import MUTABLE, NoticeKind

router = APIRouter(prefix="/notices")

SPOKEN = {
    NoticeKind.REMINDER_DAY: "A day before a booking begins",
    NoticeKind.REMINDER_HOUR: "An hour before it begins",
    NoticeKind.READY: "It is ready",
    NoticeKind.ENDING: "It is about to end",
    NoticeKind.RELEASED: "It has ended",
    NoticeKind.FAILED: "It can't be had",
    NoticeKind.PROMOTED: "There is room for what you wait for",
    NoticeKind.APPROVAL_ASKED: "Somebody asks for your approval",
    NoticeKind.APPROVAL_DECIDED: "What you asked for is decided",
}


class ReadForm(BaseModel):
    """Up to which notice one has read."""

    up_to: Annotated[int, Field(ge=0, lt=2**63)]


class MailForm(BaseModel):
    """The kinds that one wants mailed; a form sends no boxes that aren't ticked."""

    kinds: list[NoticeKind] = []


@router.get("")
def notices(reader: Reading, before: Annotated[int | None, Query(ge=0, lt=2**63)] = None) -> HTMLResponse:
    """The newest first."""
    page = reader.app.notices.list(reader.caller, before=before)
    mailed = [kind for kind in MUTABLE if kind not in reader.particulars.muted]
    return reader.page("notices.html", page=page, mailed=mailed, spoken=SPOKEN, before=before)


@router.post("/read")
def read(form: Annotated[ReadForm, Form()], reader: Posting) -> Response:
    """I have read them; what came after the page was made stays unread."""
    reader.app.notices.read(reader.caller, form.up_to, reader.now)
    return reader.go("/notices")


@router.post("/mail")
def choose_mail(form: Annotated[MailForm, Form()], reader: Posting) -> Response:
    """Which of them I want mailed."""
    reader.app.particulars.change(reader.caller, muted=[kind for kind in MUTABLE if kind not in form.kinds])
    return reader.go("/notices")
