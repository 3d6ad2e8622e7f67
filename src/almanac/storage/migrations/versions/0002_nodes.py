"""Machines in clouds: what they are to do, and what they last told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import Json, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "nodes",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("join_hash", sa.String(), nullable=False),
        sa.Column("join_expires_at", UtcDateTime(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("orders", sa.String(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.Column("last_active", UtcDateTime(), nullable=True),
        sa.Column("saved_at", UtcDateTime(), nullable=True),
        sa.Column("report", Json, nullable=False),
        sa.Column("warning", sa.String(), nullable=False),
        sa.Column("tails", Json, nullable=False),
        sa.PrimaryKeyConstraint("site", "cluster", "node", name=op.f("pk_nodes")),
        sa.UniqueConstraint("join_hash", name=op.f("uq_nodes_join_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_nodes_token_hash")),
    )
