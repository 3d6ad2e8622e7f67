"""What the API takes and gives about people, projects, tokens and the ledger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Strict, StringConstraints

from almanac.api import fields as f
from almanac.api.models import In, Out
from almanac.core.windows import Window
from almanac.services.caller import Role

# --- signing in ---------------------------------------------------------------------------------------------------


class SignInBody(In):
    """A one-time token, from the first start or an invitation."""

    model_config = ConfigDict(json_schema_extra={"example": {"one_time_token": f"alm_k3m9q2xa_{'x' * 43}"}})

    one_time_token: Annotated[str, StringConstraints(pattern=f.TOKEN, max_length=80)]


class SignedIn(Out):
    """A token to keep; it is shown this once."""

    token: str
    person: str
    expires_at: f.Moment


class Me(Out):
    """Who the token stands for, within the token's limits."""

    person: str
    operator: bool
    projects: dict[str, Role] = Field(description="Role in each project that the token reaches.")


class Loop(Out):
    """Almanac's loop, which builds and ends clusters."""

    alive: bool
    beat_at: f.Moment | None


class Mail(Out):
    """Mail that isn't with the mail server yet."""

    waiting: int = Field(description="Letters.")
    trouble: str = Field(description="What is in the way of the latest; empty: nothing.")


class FrontDoor(Out):
    """The one entrance to all notebooks, Spark UIs and Spark Connect servers."""

    url: str
    trouble: str = Field(description="Why it is shut; empty while it is open.")


class Collecting(Out):
    """What collects live metrics."""

    trouble: str = Field(description="Why numbers are missing; empty while none are. Bookings go on.")


class Health(Out):
    """Whether Almanac is up."""

    status: Literal["ok"]
    version: str
    loop: Loop
    mail: Mail
    door: FrontDoor | None = Field(default=None, description="null where no front door is configured.")
    metrics: Collecting | None = Field(default=None, description="null where none are collected.")


# --- people, projects, tokens, ledger -------------------------------------------------------------------------------


class TokenBody(In):
    """A new token. Without `role`, `project` or `expires_in_s`: as far as your own, for 90 days."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "nightly pipeline", "role": "member", "project": "gaia"}}
    )

    name: Annotated[f.Title, Field(min_length=1, max_length=60)]
    role: Role | None = None
    project: f.Name | None = None
    expires_in_s: f.Seconds | None = None


class Token(Out):
    """A token of yours, without its secret."""

    id: str
    name: str
    role: Role = Field(description="The most that it lets you do.")
    project: str | None = Field(description="The only project that it reaches; null for all of yours.")
    created_at: f.Moment
    expires_at: f.Moment | None


class NewToken(Token):
    """A token just made; `token` is shown this once."""

    token: str


class PersonBody(In):
    """A new person. They sign in with an invitation."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "ada", "operator": False}})

    name: f.Name
    operator: Annotated[bool, Strict()] = False


class Person(Out):
    """A local account."""

    name: str
    operator: bool
    disabled: bool
    created_at: f.Moment


class Invitation(Out):
    """A one-time token, shown this once; its person redeems it at `/sign-in`."""

    one_time_token: str
    person: str
    expires_at: f.Moment


class ProjectBody(In):
    """A new project; null means no limit."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"name": "gaia", "title": "Gaia variability", "max_nodes": 20, "max_bookings_per_person": 3}
        }
    )

    name: f.Name
    title: f.Title = ""
    max_nodes: f.Count | None = None
    max_bookings_per_person: f.Count | None = None


class QuotasBody(In):
    """A project's quotas, both of them; one that is left out or null is no limit."""

    model_config = ConfigDict(json_schema_extra={"example": {"max_nodes": 40, "max_bookings_per_person": 3}})

    max_nodes: f.Count | None = None
    max_bookings_per_person: f.Count | None = None


class Project(Out):
    """People who share bookings, quotas and grants."""

    name: str
    title: str
    created_at: f.Moment
    max_nodes: int | None
    max_bookings_per_person: int | None
    members: dict[str, Role]


class MemberBody(In):
    """A person's role in a project."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "member"}})

    role: Literal[Role.MEMBER, Role.LEAD]


class GrantBody(In):
    """Node-hours for a project at a site over a period."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "site": "local",
                "node_hours": 500,
                "start": "2027-01-01T00:00:00Z",
                "end": "2027-07-01T00:00:00Z",
            }
        }
    )

    site: f.Label
    node_hours: f.Hours
    start: f.Instant
    end: f.Instant

    def window(self) -> Window:
        """Its period.

        Raises:
            BadWindow: the end isn't after the start.
        """
        return Window(self.start, self.end)


class Grant(Out):
    """Node-hours given."""

    project: str
    site: str
    node_hours: f.Rounded
    start: f.Moment
    end: f.Moment
    granted_at: f.Moment
    granted_by: str


class Balance(Out):
    """A project's account at a site, in node-hours."""

    project: str
    site: str
    granted_h: f.Rounded
    held_h: f.Rounded
    charged_h: f.Rounded
    available_h: f.Rounded | None = Field(description="null: not metered.")


class Line(Out):
    """One line of the ledger."""

    at: f.Moment
    project: str
    site: str
    kind: Literal["grant", "hold", "charge", "refund"]
    node_hours: f.Rounded
    booking: str | None
    actor: str
    note: str


class Ledger(Out):
    """Balances, and the newest of the lines that they are sums of."""

    balances: list[Balance]
    lines: list[Line]
