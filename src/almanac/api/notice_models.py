"""What the API takes and gives about notices and the mail that tells them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, Strict

from almanac.api import fields as f
from almanac.api.models import In, Out
from almanac.services.notices import NoticeKind

NoticeId = Annotated[int, Field(ge=1, le=2**62)]


class Notice(Out):
    """Something that you are told."""

    id: int
    at: f.Moment
    kind: NoticeKind
    subject: str
    message: str
    booking: str | None
    read_at: f.Moment | None
    mailed_at: f.Moment | None = Field(description="When the mail server took it; null: not mailed (yet).")
    trouble: str = Field(description="Why its mail isn't there yet, or never will be; empty: no trouble.")


class NoticePage(Out):
    """Your notices, the newest first."""

    notices: list[Notice]
    unread: int = Field(description="How many you haven't read, in all.")
    next: int | None = Field(description="Give it as `before` for the next page; null on the last.")


class NoticeQuery(In):
    """Which notices to list."""

    unread: bool = Field(False, description="Only those that you haven't read.")
    before: NoticeId | None = Field(None, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class ReadBody(In):
    """The newest notice that you have read, and with it all older ones; without `up_to` all."""

    model_config = ConfigDict(json_schema_extra={"example": {"up_to": 42}})

    up_to: Annotated[NoticeId, Strict()] | None = None


class ConfirmBody(In):
    """What was mailed to your address."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "gAAAAAB..."}})

    token: Annotated[str, Field(min_length=1, max_length=2000)]


class Address(Out):
    """An e-mail address of yours."""

    email: str
