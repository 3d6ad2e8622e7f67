"""Rows that are not core types: what the database keeps about clusters, leases, events, the ledger and people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from almanac.core.bookings import Phase
from almanac.core.ledger import LineKind
from almanac.core.ports import Handle
from almanac.core.resources import Holder
from almanac.core.windows import Window


class ClusterTarget(StrEnum):
    """Intent for a cluster."""

    RUNNING = "running"
    GONE = "gone"


class LeaseTarget(StrEnum):
    """Intent for a lease."""

    HELD = "held"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster: intent (``target``), fact (``phase``, ``handle``, ...) and what the loop needs to go on after a crash.

    Attributes:
        lease_id: the lease that it runs in, alone.
        spec: the services' own JSON text, without secrets.
        changed_at: when the row was last written; rows changed since an observation began are left for the next tick.
        booking_id: None for a warm cluster.
        secrets: encrypted; None once it is gone.
        handle: by which the site finds it; None before the first checkpoint.
        done: services that are up, of ``total``.
        doing: what it waits for, in words.
        attempts: failures in a row; the next attempt is ``not_before`` then.
        build_at: when its build may start.
        spec_applied: whether the site has been given the present ``spec``.
        warned: what its people were last warned of, so that they are told once.
    """

    id: str
    profile: str
    site: str
    lease_id: str
    spec: str
    created_at: datetime
    changed_at: datetime
    build_at: datetime
    booking_id: str | None = None
    secrets: str | None = field(default=None, repr=False)
    target: ClusterTarget = ClusterTarget.RUNNING
    phase: Phase = Phase.ABSENT
    handle: Handle | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    done: int = 0
    total: int = 0
    doing: str = ""
    attempts: int = 0
    not_before: datetime | None = None
    last_error: str | None = None
    build_started_at: datetime | None = None
    ready_at: datetime | None = None
    gone_at: datetime | None = None
    last_active: datetime | None = None
    spec_applied: bool = False
    warned: str | None = None


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A lease: intent (``target``) and fact (``phase``, ``handle``, ...).

    Attributes:
        holder: BOOKING, WARM or PLAN; ``holder_id`` is the booking's, the warm cluster's or the planned place's id.
        order: the services' own JSON text.
        changed_at: when the row was last written.
    """

    id: str
    holder: Holder
    holder_id: str
    site: str
    order: str
    window: Window
    created_at: datetime
    changed_at: datetime
    target: LeaseTarget = LeaseTarget.HELD
    phase: Phase = Phase.ABSENT
    handle: Handle | None = None
    attempts: int = 0
    not_before: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened, for people. Appended, never changed.

    Attributes:
        kind: ``booked``, ``offered``, ``building``, ``ready``, ``warned``, ``released``, ``failed``, ...
        actor: the person's name, or ``almanac``.
        message: a sentence.
        data: JSON-ready facts.
        id: given by the database, in the order of commits; 0 before.
    """

    at: datetime
    kind: str
    actor: str
    message: str
    booking_id: str | None = None
    cluster_id: str | None = None
    project: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A line of the ledger, in node-seconds. Appended, never changed.

    Attributes:
        counts_at: the instant that decides which grants it counts against: its booking's window start, or the
            grant's period start.
        node_seconds: > 0.
        period: a grant's period; None for other lines.
        id: given by the database; 0 before.
    """

    at: datetime
    counts_at: datetime
    project: str
    site: str
    kind: LineKind
    node_seconds: int
    actor: str
    booking_id: str | None = None
    period: Window | None = None
    note: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """A project's account at a site, in node-seconds, over the grants that cover an instant.

    Attributes:
        granted: the sum of those grants.
        held: taken by bookings and neither charged nor refunded yet.
        charged: used.
        available: ``granted - held - charged``; below 0 after a grant was overrun.
    """

    granted: int = 0
    held: int = 0
    charged: int = 0

    @property
    def available(self) -> int:
        """What is left to book with."""
        return self.granted - self.held - self.charged


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Someone with an account."""

    name: str
    created_at: datetime
    operator: bool = False
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project and its quotas; None is no limit."""

    name: str
    title: str
    created_at: datetime
    max_nodes: int | None = None
    max_bookings_per_person: int | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenRow:
    """An API token; only its hash is kept.

    Attributes:
        hash: SHA-256, hex.
        role_cap: the most that it lets its person do: ``member``, ``lead`` or ``operator``.
        project: the only project that it reaches; None for all of the person's.
        one_time: used up by its first use.
    """

    id: str
    hash: str = field(repr=False)
    person: str
    role_cap: str
    name: str
    created_at: datetime
    project: str | None = None
    one_time: bool = False
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A machine that is expected in a cluster, or there.

    Attributes:
        join_hash: SHA-256, hex, of the token with which it may join once, until ``join_expires_at``.
        token_hash: of the token that it has had since it joined; None before.
        orders: encrypted; None before any were given.
        revision: of the orders, from 1; 0 before any were given.
        seen_at: when it last reported, to a few seconds.
        report: what it last told, JSON-ready.
        warning: what was odd about its joining, in words.
    """

    site: str
    cluster: str
    node: str
    join_hash: str = field(repr=False)
    join_expires_at: datetime
    token_hash: str | None = field(default=None, repr=False)
    orders: str | None = field(default=None, repr=False)
    revision: int = 0
    seen_at: datetime | None = None
    last_active: datetime | None = None
    saved_at: datetime | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that somebody is signed in with; only its cookie's hash is kept.

    Attributes:
        hash: SHA-256, hex.
        way: how they signed in: ``password``, ``link`` or ``institution``.
        browser: what it calls itself.
        seen_at: when it was last used, to a minute.
        expires_at: its absolute end.
    """

    id: str
    hash: str = field(repr=False)
    person: str
    way: str
    browser: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParticularsRow:
    """What somebody says of themselves.

    Attributes:
        email: empty if not told.
        email_confirmed: whether a mail reached them there, or an operator or the institution vouches for it.
        zone: IANA time zone; empty for the browser's.
        theme: ``light``, ``dark`` or ``system``.
        muted: kinds of notices that aren't mailed to them, with commas between.
    """

    person: str
    display_name: str = ""
    email: str = ""
    email_confirmed: bool = False
    zone: str = ""
    theme: str = "system"
    muted: str = ""


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A calendar feed that somebody may read with a secret URL; only the secret's hash is kept.

    Attributes:
        hash: SHA-256, hex.
        project: whose bookings it tells; None: its person's own.
    """

    id: str
    hash: str = field(repr=False)
    person: str
    created_at: datetime
    project: str | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """Something that a person is told, in the portal and perhaps by mail.

    Attributes:
        key: what happened; of one happening a person is told once.
        due_at: when its mail is to be tried (again); None: nothing is to be mailed (any more).
        tries: how often its mail was begun.
        sent_at: when the mail server took its mail.
        trouble: why its mail isn't there yet, or never will be.
        id: given by the database; 0 before.
    """

    at: datetime
    person: str
    key: str
    kind: str
    subject: str
    message: str
    booking_id: str | None = None
    read_at: datetime | None = None
    due_at: datetime | None = None
    tries: int = 0
    sent_at: datetime | None = None
    trouble: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class DemandSpanRow:
    """What is known of a source of demand.

    Attributes:
        source: ``almanac`` for its own, else an imported trace's name.
        profile: the one that a trace is about; empty for all.
        start: the first hour.
        until: the hour after the last that is written down.
        watched_at: when it was last looked at; what nobody looked at isn't known.
    """

    source: str
    profile: str
    start: datetime
    until: datetime
    watched_at: datetime


@dataclass(frozen=True, slots=True)
class PeakRow:
    """An hour in which there was demand: the most places at once, and those that were begun."""

    source: str
    hour: datetime
    peak: int
    arrivals: int


@dataclass(frozen=True, slots=True)
class DiagnosisRow:
    """What is kept of why a booking's jobs took as long as they did, one row an application.

    Attributes:
        application: empty where there is none to tell of: it is still due, or it couldn't be made.
        due: whether it is still to be made.
        facts: the services' own, JSON-ready: a diagnosis, or why there is none.
    """

    booking_id: str
    application: str
    at: datetime
    due: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """The newest plan of a profile, as it is shown.

    Attributes:
        failed: whether its forecast failed, so that only bookings and the floor count.
        basis: what the forecast stands on, in words.
        facts: the services' own, JSON-ready: band, demand, shortages, score.
    """

    profile: str
    made_at: datetime
    failed: bool
    basis: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlanHourRow:
    """What was held in an hour, and what had been expected of it when it began.

    Attributes:
        held: the most places, of bookings, warm clusters and the plan.
        booked: of these, the ones that bookings made ahead stood on.
        middle: the median of the walk-ins' places.
        high: the quantile that the plan held for.
    """

    profile: str
    hour: datetime
    held: int
    booked: int
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class DialsRow:
    """What somebody chose of the plan, JSON-ready."""

    at: datetime
    person: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WishRow:
    """What somebody asked for and no site had room for."""

    asked_at: datetime
    person: str
    profile: str
    workers: int
    window: Window
