"""Demand by the hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import UtcDateTime

revision = "0005"
down_revision = "0004"

_KIND = sa.Enum("booked", "walk_in", name="kind", native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    """Make the tables."""
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
