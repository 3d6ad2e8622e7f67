"""Why a booking's jobs took as long as they did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import Json, UtcDateTime

revision = "0008"
down_revision = "0007"

_DUE = sa.text("due")


def upgrade() -> None:
    """Make the table."""
    booking = sa.ForeignKey("bookings.id", name=op.f("fk_diagnoses_booking_id"))
    op.create_table(
        "diagnoses",
        sa.Column("booking_id", sa.String(), booking, nullable=False),
        sa.Column("application", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("due", sa.Boolean(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("booking_id", "application", name=op.f("pk_diagnoses")),
    )
    op.create_index("ix_diagnoses_due", "diagnoses", ["at"], sqlite_where=_DUE, postgresql_where=_DUE)
