"""The tables. Migrations make them; a test compares the two.

Columns stand in the order of the dataclasses that their rows become (see ``rows``), a window as its start and end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    MetaData,
    Named,
    PrimaryKeyConstraint,
    Table,
    TypedColumns,
    UniqueConstraint,
    text,
)

from almanac.core.bookings import BookingTarget, Phase
from almanac.core.demand_hours import Kind
from almanac.core.ledger import LineKind
from almanac.core.ports import Handle
from almanac.core.resources import Holder
from almanac.core.waiting import Outcome
from almanac.storage.rows import ClusterTarget, LeaseTarget
from almanac.storage.types import Json, Serial, UtcDateTime, one_of

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# In parentheses, as they are joined with AND. A failed cluster is finished once nothing of it is left (no handle).
UNFINISHED_CLUSTER = text("(target = 'running' OR handle IS NOT NULL OR phase NOT IN ('gone', 'failed'))")
GRANT = text("kind = 'grant'")
MAIL_DUE = text("due_at IS NOT NULL")
DIAGNOSIS_DUE = text("due")
UNFINISHED_LEASE = text("(phase <> 'gone' OR target = 'held')")


class _People(TypedColumns):
    name: Named[str] = Column(primary_key=True)
    created_at: Named[datetime] = Column(UtcDateTime)
    operator: Named[bool]
    disabled_at: Named[datetime | None] = Column(UtcDateTime)


class _Projects(TypedColumns):
    name: Named[str] = Column(primary_key=True)
    title: Named[str]
    created_at: Named[datetime] = Column(UtcDateTime)
    max_nodes: Named[int | None]
    max_bookings_per_person: Named[int | None]
    disabled_at: Named[datetime | None] = Column(UtcDateTime)


class _Members(TypedColumns):
    project: Named[str] = Column(ForeignKey("projects.name"), primary_key=True)
    person: Named[str] = Column(ForeignKey("people.name"), primary_key=True)
    role: Named[str]


class _Tokens(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    hash: Named[str] = Column(unique=True)
    person: Named[str] = Column(ForeignKey("people.name"), index=True)
    role_cap: Named[str]
    name: Named[str]
    created_at: Named[datetime] = Column(UtcDateTime)
    project: Named[str | None] = Column(ForeignKey("projects.name"))
    one_time: Named[bool]
    expires_at: Named[datetime | None] = Column(UtcDateTime)
    used_at: Named[datetime | None] = Column(UtcDateTime)
    revoked_at: Named[datetime | None] = Column(UtcDateTime)


class _Bookings(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    project: Named[str] = Column(ForeignKey("projects.name"))
    owner: Named[str] = Column(ForeignKey("people.name"))
    profile: Named[str]
    site: Named[str]
    seats: Named[int]
    workers: Named[int]
    window_start: Named[datetime] = Column(UtcDateTime)
    window_end: Named[datetime] = Column(UtcDateTime)
    claim_start: Named[datetime] = Column(UtcDateTime)
    claim_end: Named[datetime] = Column(UtcDateTime)
    target: Named[BookingTarget] = Column(one_of(BookingTarget, "target"))
    created_at: Named[datetime] = Column(UtcDateTime)
    expires_at: Named[datetime | None] = Column(UtcDateTime)
    ended_at: Named[datetime | None] = Column(UtcDateTime)
    title: Named[str]
    approval: Named[str]


class _Claims(TypedColumns):
    id: Named[int] = Column(Serial, primary_key=True)
    site: Named[str]
    host: Named[str]
    role: Named[str]
    flavor: Named[str]
    count: Named[int]
    cores: Named[int]
    memory_mib: Named[int] = Column(BigInteger)
    disk_gib: Named[int] = Column(BigInteger)
    gpus: Named[int]
    window_start: Named[datetime] = Column(UtcDateTime)
    window_end: Named[datetime] = Column(UtcDateTime)
    holder: Named[Holder] = Column(one_of(Holder, "holder"))
    holder_id: Named[str]
    expires_at: Named[datetime | None] = Column(UtcDateTime)


class _Clusters(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    profile: Named[str]
    site: Named[str]
    lease_id: Named[str] = Column(unique=True)
    spec: Named[str]
    created_at: Named[datetime] = Column(UtcDateTime)
    changed_at: Named[datetime] = Column(UtcDateTime)
    build_at: Named[datetime] = Column(UtcDateTime)
    booking_id: Named[str | None] = Column(ForeignKey("bookings.id"), unique=True)
    secrets: Named[str | None]
    target: Named[ClusterTarget] = Column(one_of(ClusterTarget, "target"))
    phase: Named[Phase] = Column(one_of(Phase, "phase"))
    handle: Named[Handle | None] = Column(Json, nullable=True)
    endpoints: Named[Mapping[str, str]] = Column(Json, nullable=False)
    done: Named[int]
    total: Named[int]
    doing: Named[str]
    attempts: Named[int]
    not_before: Named[datetime | None] = Column(UtcDateTime)
    last_error: Named[str | None]
    build_started_at: Named[datetime | None] = Column(UtcDateTime)
    ready_at: Named[datetime | None] = Column(UtcDateTime)
    gone_at: Named[datetime | None] = Column(UtcDateTime)
    last_active: Named[datetime | None] = Column(UtcDateTime)
    spec_applied: Named[bool]
    warned: Named[str | None]


class _Leases(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    holder: Named[Holder] = Column(one_of(Holder, "holder"))
    holder_id: Named[str]
    site: Named[str]
    order: Named[str]
    window_start: Named[datetime] = Column(UtcDateTime)
    window_end: Named[datetime] = Column(UtcDateTime)
    created_at: Named[datetime] = Column(UtcDateTime)
    changed_at: Named[datetime] = Column(UtcDateTime)
    target: Named[LeaseTarget] = Column(one_of(LeaseTarget, "target"))
    phase: Named[Phase] = Column(one_of(Phase, "phase"))
    handle: Named[Handle | None] = Column(Json, nullable=True)
    attempts: Named[int]
    not_before: Named[datetime | None] = Column(UtcDateTime)
    last_error: Named[str | None]


class _Events(TypedColumns):
    at: Named[datetime] = Column(UtcDateTime)
    kind: Named[str]
    actor: Named[str]
    message: Named[str]
    booking_id: Named[str | None] = Column(index=True)
    cluster_id: Named[str | None]
    project: Named[str | None]
    data: Named[Mapping[str, Any]] = Column(Json, nullable=False)
    id: Named[int] = Column(Serial, primary_key=True)


class _Ledger(TypedColumns):
    at: Named[datetime] = Column(UtcDateTime)
    counts_at: Named[datetime] = Column(UtcDateTime)
    project: Named[str] = Column(ForeignKey("projects.name"))
    site: Named[str]
    kind: Named[LineKind] = Column(one_of(LineKind, "kind"))
    node_seconds: Named[int] = Column(BigInteger)
    actor: Named[str]
    booking_id: Named[str | None] = Column(index=True)
    period_start: Named[datetime | None] = Column(UtcDateTime)
    period_end: Named[datetime | None] = Column(UtcDateTime)
    note: Named[str]
    id: Named[int] = Column(Serial, primary_key=True)


class _Pools(TypedColumns):
    site: Named[str] = Column(primary_key=True)
    version: Named[int] = Column(BigInteger)


class _SiteSettings(TypedColumns):
    site: Named[str] = Column(primary_key=True)
    drained_at: Named[datetime | None] = Column(UtcDateTime)


class _Heartbeats(TypedColumns):
    name: Named[str] = Column(primary_key=True)
    holder: Named[str]
    beat_at: Named[datetime] = Column(UtcDateTime)


class _Builds(TypedColumns):
    id: Named[int] = Column(Serial, primary_key=True)
    site: Named[str]
    profile: Named[str]
    seconds: Named[float]
    at: Named[datetime] = Column(UtcDateTime)


class _Nodes(TypedColumns):
    site: Named[str] = Column(primary_key=True)
    cluster: Named[str] = Column(primary_key=True)
    node: Named[str] = Column(primary_key=True)
    join_hash: Named[str] = Column(unique=True)
    join_expires_at: Named[datetime] = Column(UtcDateTime)
    token_hash: Named[str | None] = Column(unique=True)
    orders: Named[str | None]
    revision: Named[int]
    seen_at: Named[datetime | None] = Column(UtcDateTime)
    last_active: Named[datetime | None] = Column(UtcDateTime)
    saved_at: Named[datetime | None] = Column(UtcDateTime)
    report: Named[Mapping[str, Any]] = Column(Json, nullable=False)
    warning: Named[str]
    tails: Named[Mapping[str, str]] = Column(Json, nullable=False)


class _Series(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    project: Named[str] = Column(ForeignKey("projects.name"), index=True)
    owner: Named[str] = Column(ForeignKey("people.name"))
    profile: Named[str]
    title: Named[str]
    zone: Named[str]
    rule: Named[str]
    created_at: Named[datetime] = Column(UtcDateTime)
    site: Named[str | None]
    data: Named[str | None]


class _Occurrences(TypedColumns):
    series_id: Named[str] = Column(ForeignKey("series.id"), primary_key=True)
    date: Named[date] = Column(primary_key=True)
    window_start: Named[datetime] = Column(UtcDateTime)
    window_end: Named[datetime] = Column(UtcDateTime)
    seats: Named[int]
    booking_id: Named[str | None] = Column(ForeignKey("bookings.id"), unique=True)
    left_out: Named[bool]
    note: Named[str]


class _Waiting(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    project: Named[str] = Column(ForeignKey("projects.name"))
    owner: Named[str] = Column(ForeignKey("people.name"))
    profile: Named[str]
    seats: Named[int]
    duration_s: Named[int]
    window_start: Named[datetime] = Column(UtcDateTime)
    window_end: Named[datetime] = Column(UtcDateTime)
    asked_at: Named[datetime] = Column(UtcDateTime)
    turn_at: Named[datetime] = Column(UtcDateTime)
    title: Named[str]
    site: Named[str | None]
    data: Named[str | None]
    passed: Named[int]
    missed: Named[int]
    offer_id: Named[str | None] = Column(ForeignKey("bookings.id"), unique=True)
    closed_at: Named[datetime | None] = Column(UtcDateTime)
    outcome: Named[Outcome | None] = Column(one_of(Outcome, "outcome"))


class _Passwords(TypedColumns):
    person: Named[str] = Column(ForeignKey("people.name"), primary_key=True)
    hash: Named[str]
    changed_at: Named[datetime] = Column(UtcDateTime)


class _Sessions(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    hash: Named[str] = Column(unique=True)
    person: Named[str] = Column(ForeignKey("people.name"), index=True)
    way: Named[str]
    browser: Named[str]
    created_at: Named[datetime] = Column(UtcDateTime)
    seen_at: Named[datetime] = Column(UtcDateTime)
    expires_at: Named[datetime] = Column(UtcDateTime)
    ended_at: Named[datetime | None] = Column(UtcDateTime)


class _Particulars(TypedColumns):
    person: Named[str] = Column(ForeignKey("people.name"), primary_key=True)
    display_name: Named[str]
    email: Named[str]
    email_confirmed: Named[bool]
    zone: Named[str]
    theme: Named[str]
    muted: Named[str]


class _Feeds(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    hash: Named[str] = Column(unique=True)
    person: Named[str] = Column(ForeignKey("people.name"), index=True)
    created_at: Named[datetime] = Column(UtcDateTime)
    project: Named[str | None] = Column(ForeignKey("projects.name"))
    revoked_at: Named[datetime | None] = Column(UtcDateTime)


class _Notices(TypedColumns):
    at: Named[datetime] = Column(UtcDateTime)
    person: Named[str] = Column(ForeignKey("people.name"))
    key: Named[str]
    kind: Named[str]
    subject: Named[str]
    message: Named[str]
    booking_id: Named[str | None]
    read_at: Named[datetime | None] = Column(UtcDateTime)
    due_at: Named[datetime | None] = Column(UtcDateTime)
    tries: Named[int]
    sent_at: Named[datetime | None] = Column(UtcDateTime)
    trouble: Named[str]
    id: Named[int] = Column(Serial, primary_key=True)


class _Diagnoses(TypedColumns):
    booking_id: Named[str] = Column(ForeignKey("bookings.id"), primary_key=True)
    application: Named[str] = Column(primary_key=True)
    at: Named[datetime] = Column(UtcDateTime)
    due: Named[bool]
    facts: Named[Mapping[str, Any]] = Column(Json)


class _Identities(TypedColumns):
    issuer: Named[str] = Column(primary_key=True)
    subject: Named[str] = Column(primary_key=True)
    person: Named[str] = Column(ForeignKey("people.name"), index=True)
    created_at: Named[datetime] = Column(UtcDateTime)


class _MappedMembers(TypedColumns):
    person: Named[str] = Column(ForeignKey("people.name"), primary_key=True)
    project: Named[str] = Column(ForeignKey("projects.name"), primary_key=True)
    role: Named[str]


class _DemandHours(TypedColumns):
    source: Named[str]
    profile: Named[str]
    kind: Named[Kind] = Column(one_of(Kind, "kind"))
    hour: Named[datetime] = Column(UtcDateTime)
    peak: Named[int]
    arrivals: Named[int]


class _DemandSpans(TypedColumns):
    source: Named[str] = Column(primary_key=True)
    profile: Named[str]
    start: Named[datetime] = Column(UtcDateTime)
    until: Named[datetime] = Column(UtcDateTime)
    watched_at: Named[datetime] = Column(UtcDateTime)


class _DemandGaps(TypedColumns):
    source: Named[str] = Column(primary_key=True)
    start: Named[datetime] = Column(UtcDateTime, primary_key=True)
    end: Named[datetime] = Column(UtcDateTime)


class _Plans(TypedColumns):
    profile: Named[str] = Column(primary_key=True)
    made_at: Named[datetime] = Column(UtcDateTime)
    failed: Named[bool]
    basis: Named[str]
    facts: Named[Mapping[str, Any]] = Column(Json, nullable=False)


class _Places(TypedColumns):
    id: Named[str] = Column(primary_key=True)
    profile: Named[str] = Column(index=True)
    site: Named[str]
    window_start: Named[datetime] = Column(UtcDateTime)
    window_end: Named[datetime] = Column(UtcDateTime)
    due_at: Named[datetime] = Column(UtcDateTime)
    reason: Named[str]
    cost: Named[float]
    cost_without: Named[float]
    bought: Named[bool]


class _PlanHours(TypedColumns):
    profile: Named[str] = Column(primary_key=True)
    hour: Named[datetime] = Column(UtcDateTime, primary_key=True)
    held: Named[int]
    booked: Named[int]
    middle: Named[float]
    high: Named[float]


class _Dials(TypedColumns):
    id: Named[int] = Column(Serial, primary_key=True)
    at: Named[datetime] = Column(UtcDateTime)
    person: Named[str]
    facts: Named[Mapping[str, Any]] = Column(Json, nullable=False)


class _Wishes(TypedColumns):
    id: Named[int] = Column(Serial, primary_key=True)
    asked_at: Named[datetime] = Column(UtcDateTime)
    person: Named[str]
    profile: Named[str]
    workers: Named[int]
    window_start: Named[datetime] = Column(UtcDateTime)
    window_end: Named[datetime] = Column(UtcDateTime)


people = Table("people", metadata, _People)

projects = Table("projects", metadata, _Projects)

members = Table(
    "members",
    metadata,
    _Members,
    CheckConstraint("role IN ('member', 'lead')", name="role"),
    Index("ix_members_person", "person"),
)

tokens = Table(
    "tokens",
    metadata,
    _Tokens,
    CheckConstraint("role_cap IN ('member', 'lead', 'operator')", name="role_cap"),
)

bookings = Table(
    "bookings",
    metadata,
    _Bookings,
    CheckConstraint("window_start < window_end", name="window"),
    CheckConstraint("claim_start <= window_start AND window_end <= claim_end", name="claim_window"),
    Index("ix_bookings_target_ended", "target", "ended_at"),
    Index("ix_bookings_start", "window_start", "id"),
    Index("ix_bookings_site_target_end", "site", "target", "claim_end"),
    Index("ix_bookings_project_start", "project", "window_start"),
    Index("ix_bookings_owner", "owner"),
)

claims = Table(
    "claims",
    metadata,
    _Claims,
    CheckConstraint("count >= 1", name="count"),
    CheckConstraint("window_start < window_end", name="window"),
    Index("ix_claims_site_end", "site", "window_end"),
    Index("ix_claims_holder", "holder_id"),
)

clusters = Table(
    "clusters",
    metadata,
    _Clusters,
    Index(
        "ix_clusters_unfinished",
        "site",
        "profile",
        sqlite_where=UNFINISHED_CLUSTER,
        postgresql_where=UNFINISHED_CLUSTER,
    ),
)

leases = Table(
    "leases",
    metadata,
    _Leases,
    CheckConstraint("window_start < window_end", name="window"),
    Index("ix_leases_holder", "holder_id"),
    Index("ix_leases_unfinished", "site", sqlite_where=UNFINISHED_LEASE, postgresql_where=UNFINISHED_LEASE),
)

events = Table("events", metadata, _Events)

ledger = Table(
    "ledger",
    metadata,
    _Ledger,
    CheckConstraint("node_seconds > 0", name="node_seconds"),
    CheckConstraint("(kind = 'grant') = (period_start IS NOT NULL)", name="period_start"),
    CheckConstraint("(kind = 'grant') = (period_end IS NOT NULL)", name="period_end"),
    CheckConstraint("period_start < period_end", name="period"),
    Index("ix_ledger_account", "project", "site", "counts_at", "kind", "node_seconds"),
    Index("ix_ledger_grants", "project", "site", sqlite_where=GRANT, postgresql_where=GRANT),
)

pools = Table("pools", metadata, _Pools)

site_settings = Table("site_settings", metadata, _SiteSettings)

heartbeats = Table("heartbeats", metadata, _Heartbeats)

builds = Table("builds", metadata, _Builds, Index("ix_builds_recent", "site", "profile", "id"))

nodes = Table("nodes", metadata, _Nodes)

series = Table("series", metadata, _Series)

occurrences = Table(
    "occurrences",
    metadata,
    _Occurrences,
    CheckConstraint("window_start < window_end", name="window"),
    CheckConstraint("seats >= 1", name="seats"),
)

waiting = Table(
    "waiting",
    metadata,
    _Waiting,
    CheckConstraint("window_start < window_end", name="window"),
    CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name="closed"),
    Index("ix_waiting_turn", "closed_at", "turn_at"),
)

passwords = Table("passwords", metadata, _Passwords)

sessions = Table("sessions", metadata, _Sessions)

particulars = Table("particulars", metadata, _Particulars, Index("ix_particulars_email", "email"))

feeds = Table("feeds", metadata, _Feeds)

notices = Table(
    "notices",
    metadata,
    _Notices,
    UniqueConstraint("person", "key"),
    Index("ix_notices_of_person", "person", "id"),
    Index("ix_notices_due", "due_at", sqlite_where=MAIL_DUE, postgresql_where=MAIL_DUE),
)

diagnoses = Table(
    "diagnoses",
    metadata,
    _Diagnoses,
    Index("ix_diagnoses_due", "at", sqlite_where=DIAGNOSIS_DUE, postgresql_where=DIAGNOSIS_DUE),
)

identities = Table("identities", metadata, _Identities)

mapped_members = Table("mapped_members", metadata, _MappedMembers)

# The key is in the order in which a forecast reads: one profile's hours, one after the other.
demand_hours = Table(
    "demand_hours",
    metadata,
    _DemandHours,
    PrimaryKeyConstraint("profile", "kind", "hour", "source"),
)

demand_spans = Table("demand_spans", metadata, _DemandSpans, CheckConstraint("start <= until", name="span"))

demand_gaps = Table("demand_gaps", metadata, _DemandGaps, CheckConstraint('start < "end"', name="gap"))

plans = Table("plans", metadata, _Plans)

places = Table("places", metadata, _Places, CheckConstraint("window_start < window_end", name="window"))

plan_hours = Table("plan_hours", metadata, _PlanHours)

dials = Table("dials", metadata, _Dials)

wishes = Table(
    "wishes",
    metadata,
    _Wishes,
    CheckConstraint("window_start < window_end", name="window"),
    Index("ix_wishes_person", "person", "profile", "window_end"),
    Index("ix_wishes_end", "window_end"),
)
