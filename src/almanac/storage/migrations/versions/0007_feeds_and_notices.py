"""Calendar feeds, notices and what of them is to be mailed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import Serial, UtcDateTime

revision = "0007"
down_revision = "0006"

_DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("particulars", sa.Column("muted", sa.String(), nullable=False, server_default=""))
    _feeds()
    _notices()


def _feeds() -> None:
    op.create_table(
        "feeds",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        _person("feeds"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("project", sa.String(), sa.ForeignKey("projects.name", name=op.f("fk_feeds_project")), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feeds")),
        sa.UniqueConstraint("hash", name=op.f("uq_feeds_hash")),
    )
    op.create_index(op.f("ix_feeds_person"), "feeds", ["person"])


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("at", UtcDateTime(), nullable=False),
        _person("notices"),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("booking_id", sa.String(), nullable=True),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("id", Serial, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("person", "key", name=op.f("uq_notices_person")),
    )
    op.create_index("ix_notices_of_person", "notices", ["person", "id"])
    op.create_index("ix_notices_due", "notices", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE)


def _person(table: str) -> sa.Column[str]:
    key = sa.ForeignKey("people.name", name=op.f(f"fk_{table}_person"))
    return sa.Column("person", sa.String(), key, nullable=False)
