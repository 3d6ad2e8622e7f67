"""Passwords, sessions, what people say of themselves, and who they are at their institution."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    _make_local_accounts()
    _make_what_an_institution_says()


def _make_local_accounts() -> None:
    op.create_table(
        "passwords",
        _person("passwords"),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_passwords")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        _person("sessions"),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("hash", name=op.f("uq_sessions_hash")),
    )
    op.create_index(op.f("ix_sessions_person"), "sessions", ["person"])
    op.create_table(
        "particulars",
        _person("particulars"),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_confirmed", sa.Boolean(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("theme", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_particulars")),
    )
    op.create_index("ix_particulars_email", "particulars", ["email"])


def _make_what_an_institution_says() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        _person("identities"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_person"), "identities", ["person"])
    project = sa.ForeignKey("projects.name", name=op.f("fk_mapped_members_project"))
    op.create_table(
        "mapped_members",
        _person("mapped_members"),
        sa.Column("project", sa.String(), project, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person", "project", name=op.f("pk_mapped_members")),
    )


def _person(table: str) -> sa.Column[str]:
    key = sa.ForeignKey("people.name", name=op.f(f"fk_{table}_person"))
    return sa.Column("person", sa.String(), key, nullable=False)
