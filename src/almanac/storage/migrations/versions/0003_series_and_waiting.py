"""Bookings that recur, wait for room, or wait for an approval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import UtcDateTime

revision = "0003"
down_revision = "0002"

_OUTCOMES = ("served", "withdrawn", "missed", "over", "refused")
_OUTCOME = sa.Enum(*_OUTCOMES, name="outcome", native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    """Make the tables."""
    op.add_column("bookings", sa.Column("approval", sa.String(), nullable=False, server_default=""))
    _series()
    _occurrences()
    _waiting()


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("data", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_series_project")),
        sa.ForeignKeyConstraint(["owner"], ["people.name"], name=op.f("fk_series_owner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
    )
    op.create_index(op.f("ix_series_project"), "series", ["project"])


def _occurrences() -> None:
    op.create_table(
        "occurrences",
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.String(), nullable=True),
        sa.Column("left_out", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_occurrences_window")),
        sa.CheckConstraint("seats >= 1", name=op.f("ck_occurrences_seats")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_occurrences_series_id")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_occurrences_booking_id")),
        sa.PrimaryKeyConstraint("series_id", "date", name=op.f("pk_occurrences")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_occurrences_booking_id")),
    )


def _waiting() -> None:
    op.create_table(
        "waiting",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("turn_at", UtcDateTime(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("data", sa.String(), nullable=True),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("offer_id", sa.String(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", _OUTCOME, nullable=True),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_waiting_window")),
        sa.CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name=op.f("ck_waiting_closed")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_waiting_project")),
        sa.ForeignKeyConstraint(["owner"], ["people.name"], name=op.f("fk_waiting_owner")),
        sa.ForeignKeyConstraint(["offer_id"], ["bookings.id"], name=op.f("fk_waiting_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting")),
        sa.UniqueConstraint("offer_id", name=op.f("uq_waiting_offer_id")),
    )
    op.create_index("ix_waiting_turn", "waiting", ["closed_at", "turn_at"])
