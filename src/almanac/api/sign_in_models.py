"""What the API takes and gives about signing in with a browser, and about one's own account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from almanac.api import fields as f
from almanac.api.models import In, Out
from almanac.services.notices import NoticeKind
from almanac.services.particulars import MAX_EMAIL, MAX_NAME, Theme
from almanac.services.passwords import MAX_LENGTH, MIN_LENGTH

Password = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH, json_schema_extra={"format": "password"})]
NewPassword = Annotated[
    str, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH, json_schema_extra={"format": "password"})
]
Muted = Annotated[
    list[NoticeKind], Field(max_length=len(NoticeKind), description="Notices that aren't to be mailed to you.")
]
Email = Annotated[str, Field(max_length=MAX_EMAIL, pattern=f.TEXT, description="Empty: none.")]


class PasswordSignInBody(In):
    """Who you are, and your password."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"person": "nobody", "password": "violet cepheids pulsate"}}
    )

    person: f.Name
    password: Password


class LinkSignInBody(In):
    """A one-time token, from the first start or an invitation, and the password that you want."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"one_time_token": f"alm_k3m9q2xa_{'x' * 43}", "password": "violet cepheids pulsate"}
        }
    )

    one_time_token: Annotated[str, StringConstraints(pattern=f.TOKEN, max_length=80)]
    password: NewPassword


class Session(Out):
    """The browser's session; its cookie travels beside this."""

    person: str
    csrf_token: str = Field(description="Send it as X-CSRF-Token with every request that changes something.")
    expires_at: f.Moment


class Ways(Out):
    """How one can sign in here."""

    password: Literal[True]
    institution: str | None = Field(description="What the institution's sign-in is called; null: there is none.")


class AccountSession(Out):
    """A session of yours."""

    id: str
    way: str = Field(description="password, link or institution.")
    browser: str
    created_at: f.Moment
    seen_at: f.Moment
    expires_at: f.Moment


class Account(Out):
    """What you say of yourself."""

    person: str
    display_name: str
    email: str
    email_confirmed: bool = Field(description="Whether mail reached you there, or somebody vouches for it.")
    zone: str = Field(description="IANA time zone; empty: your browser's.")
    theme: Theme
    has_password: bool
    muted: list[NoticeKind] = Field(description="Notices that aren't mailed to you.")


class AccountBody(In):
    """What to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"display_name": "Ada Lovelace", "zone": "Europe/London", "theme": "dark"}}
    )

    display_name: Annotated[str, Field(max_length=MAX_NAME, pattern=f.TEXT)] | None = None
    email: Email | None = None
    zone: Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z0-9_+\-/]*$")] | None = None
    theme: Theme | None = None
    muted: Muted | None = None


class PasswordBody(In):
    """Your present password (left out if you have none yet), and the one that you want."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"old": "violet cepheids pulsate", "new": "miras pulsate slowly"}}
    )

    old: Password | None = None
    new: NewPassword


class EmailBody(In):
    """A person's e-mail address, on an operator's word."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.org"}})

    email: Email
