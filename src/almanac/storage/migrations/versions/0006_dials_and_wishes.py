"""The plan's dials, what was held in past hours, and what nobody had room for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import Json, Serial, UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "plan_hours",
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("booked", sa.Integer(), nullable=False),
        sa.Column("middle", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "hour", name=op.f("pk_plan_hours")),
    )
    op.create_table(
        "dials",
        sa.Column("id", Serial, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dials")),
    )
    _wishes()


def _wishes() -> None:
    op.create_table(
        "wishes",
        sa.Column("id", Serial, nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_wishes_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wishes")),
    )
    op.create_index("ix_wishes_person", "wishes", ["person", "profile", "window_end"])
    op.create_index("ix_wishes_end", "wishes", ["window_end"])
