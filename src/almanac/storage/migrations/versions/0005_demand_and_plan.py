"""Demand by the hour, and the plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import Json, UtcDateTime

revision = "0005"
down_revision = "0004"

_KIND = sa.Enum("booked", "walk_in", name="kind", native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    """Make the tables."""
    _demand()
    _plan()
    for table in ("claims", "leases"):
        _let_the_plan_hold(table)


def _let_the_plan_hold(table: str) -> None:
    """Allow another kind of holder. SQLite has to copy the table for that."""
    name = op.f(f"ck_{table}_holder")
    with op.batch_alter_table(table) as changed:
        changed.drop_constraint(name, type_="check")
        changed.create_check_constraint(name, "holder IN ('booking', 'offer', 'warm', 'plan')")


def _demand() -> None:
    op.create_table(
        "demand_hours",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("peak", sa.Integer(), nullable=False),
        sa.Column("arrivals", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "kind", "hour", "source", name=op.f("pk_demand_hours")),
    )
    op.create_table(
        "demand_spans",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("start", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("watched_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("start <= until", name=op.f("ck_demand_spans_span")),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_demand_spans")),
    )
    op.create_table(
        "demand_gaps",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("start", UtcDateTime(), nullable=False),
        sa.Column("end", UtcDateTime(), nullable=False),
        sa.CheckConstraint('start < "end"', name=op.f("ck_demand_gaps_gap")),
        sa.PrimaryKeyConstraint("source", "start", name=op.f("pk_demand_gaps")),
    )


def _plan() -> None:
    op.create_table(
        "plans",
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("profile", name=op.f("pk_plans")),
    )
    op.create_table(
        "places",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("cost_without", sa.Double(), nullable=False),
        sa.Column("bought", sa.Boolean(), nullable=False),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_places_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_places")),
    )
    op.create_index("ix_places_profile", "places", ["profile"])
