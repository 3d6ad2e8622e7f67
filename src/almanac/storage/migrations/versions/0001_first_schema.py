"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from almanac.storage.types import Json, Serial, UtcDateTime

revision = "0001"
down_revision = None

APPEND_ONLY = ("events", "ledger")


def upgrade() -> None:
    """Make all tables."""
    _builds()
    _claims()
    _events()
    _heartbeats()
    _leases()
    _people()
    _pools()
    _projects()
    _site_settings()
    _bookings()
    _ledger()
    _members()
    _tokens()
    _clusters()
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            _refuse_changes_on_postgres(table)
        else:
            _refuse_changes_on_sqlite(table)


def _refuse_changes_on_postgres(table: str) -> None:
    op.execute(
        f"""
        CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only()
        """
    )


def _refuse_changes_on_sqlite(table: str) -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"""
            CREATE TRIGGER {table}_append_only_{change.lower()} BEFORE {change} ON {table}
            BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
            """
        )


def _builds() -> None:
    op.create_table(
        "builds",
        sa.Column("id", Serial, nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_builds")),
    )
    op.create_index("ix_builds_recent", "builds", ["site", "profile", "id"], unique=False)


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("id", Serial, nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("flavor", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("disk_gib", sa.BigInteger(), nullable=False),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column(
            "holder",
            sa.Enum("booking", "offer", "warm", name="holder", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column("holder_id", sa.String(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("count >= 1", name=op.f("ck_claims_count")),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_claims_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
    )
    op.create_index("ix_claims_holder", "claims", ["holder_id"], unique=False)
    op.create_index("ix_claims_site_end", "claims", ["site", "window_end"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("booking_id", sa.String(), nullable=True),
        sa.Column("cluster_id", sa.String(), nullable=True),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("data", Json, nullable=False),
        sa.Column("id", Serial, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_booking_id"), "events", ["booking_id"], unique=False)


def _heartbeats() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("beat_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column(
            "holder",
            sa.Enum("booking", "offer", "warm", name="holder", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column("holder_id", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("order", sa.String(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column(
            "target",
            sa.Enum("held", "returned", name="target", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column(
            "phase",
            sa.Enum(
                "absent",
                "starting",
                "ready",
                "stopping",
                "gone",
                "failed",
                name="phase",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("handle", Json, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_leases_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leases")),
    )
    op.create_index("ix_leases_holder", "leases", ["holder_id"], unique=False)
    op.create_index(
        "ix_leases_unfinished",
        "leases",
        ["site"],
        unique=False,
        sqlite_where=sa.text("(phase <> 'gone' OR target = 'held')"),
        postgresql_where=sa.text("(phase <> 'gone' OR target = 'held')"),
    )


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("operator", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_people")),
    )


def _pools() -> None:
    op.create_table(
        "pools",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_pools")),
    )


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("max_nodes", sa.Integer(), nullable=True),
        sa.Column("max_bookings_per_person", sa.Integer(), nullable=True),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_projects")),
    )


def _site_settings() -> None:
    op.create_table(
        "site_settings",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("drained_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_settings")),
    )


def _bookings() -> None:
    op.create_table(
        "bookings",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("claim_start", UtcDateTime(), nullable=False),
        sa.Column("claim_end", UtcDateTime(), nullable=False),
        sa.Column(
            "target",
            sa.Enum(
                "offered",
                "confirmed",
                "cancelled",
                "released",
                name="target",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.CheckConstraint(
            "claim_start <= window_start AND window_end <= claim_end", name=op.f("ck_bookings_claim_window")
        ),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_bookings_window")),
        sa.ForeignKeyConstraint(["owner"], ["people.name"], name=op.f("fk_bookings_owner")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_bookings_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
    )
    op.create_index("ix_bookings_owner", "bookings", ["owner"], unique=False)
    op.create_index("ix_bookings_project_start", "bookings", ["project", "window_start"], unique=False)
    op.create_index("ix_bookings_site_target_end", "bookings", ["site", "target", "claim_end"], unique=False)
    op.create_index("ix_bookings_start", "bookings", ["window_start", "id"], unique=False)
    op.create_index("ix_bookings_target_ended", "bookings", ["target", "ended_at"], unique=False)


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("counts_at", UtcDateTime(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "grant", "hold", "charge", "refund", name="kind", native_enum=False, create_constraint=True, length=16
            ),
            nullable=False,
        ),
        sa.Column("node_seconds", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("booking_id", sa.String(), nullable=True),
        sa.Column("period_start", UtcDateTime(), nullable=True),
        sa.Column("period_end", UtcDateTime(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("id", Serial, nullable=False),
        sa.CheckConstraint("(kind = 'grant') = (period_end IS NOT NULL)", name=op.f("ck_ledger_period_end")),
        sa.CheckConstraint("(kind = 'grant') = (period_start IS NOT NULL)", name=op.f("ck_ledger_period_start")),
        sa.CheckConstraint("node_seconds > 0", name=op.f("ck_ledger_node_seconds")),
        sa.CheckConstraint("period_start < period_end", name=op.f("ck_ledger_period")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_ledger_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index(
        "ix_ledger_account", "ledger", ["project", "site", "counts_at", "kind", "node_seconds"], unique=False
    )
    op.create_index(op.f("ix_ledger_booking_id"), "ledger", ["booking_id"], unique=False)
    op.create_index(
        "ix_ledger_grants",
        "ledger",
        ["project", "site"],
        unique=False,
        sqlite_where=sa.text("kind = 'grant'"),
        postgresql_where=sa.text("kind = 'grant'"),
    )


def _members() -> None:
    op.create_table(
        "members",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.CheckConstraint("role IN ('member', 'lead')", name=op.f("ck_members_role")),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_members_person")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_members_project")),
        sa.PrimaryKeyConstraint("project", "person", name=op.f("pk_members")),
    )
    op.create_index("ix_members_person", "members", ["person"], unique=False)


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role_cap", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("one_time", sa.Boolean(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("role_cap IN ('member', 'lead', 'operator')", name=op.f("ck_tokens_role_cap")),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_tokens_person")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_tokens_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_index(op.f("ix_tokens_person"), "tokens", ["person"], unique=False)


def _clusters() -> None:
    op.create_table(
        "clusters",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("lease_id", sa.String(), nullable=False),
        sa.Column("spec", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("build_at", UtcDateTime(), nullable=False),
        sa.Column("booking_id", sa.String(), nullable=True),
        sa.Column("secrets", sa.String(), nullable=True),
        sa.Column(
            "target",
            sa.Enum("running", "gone", name="target", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column(
            "phase",
            sa.Enum(
                "absent",
                "starting",
                "ready",
                "stopping",
                "gone",
                "failed",
                name="phase",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("handle", Json, nullable=True),
        sa.Column("endpoints", Json, nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("doing", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("build_started_at", UtcDateTime(), nullable=True),
        sa.Column("ready_at", UtcDateTime(), nullable=True),
        sa.Column("gone_at", UtcDateTime(), nullable=True),
        sa.Column("last_active", UtcDateTime(), nullable=True),
        sa.Column("spec_applied", sa.Boolean(), nullable=False),
        sa.Column("warned", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_clusters_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clusters")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_clusters_booking_id")),
        sa.UniqueConstraint("lease_id", name=op.f("uq_clusters_lease_id")),
    )
    op.create_index(
        "ix_clusters_unfinished",
        "clusters",
        ["site", "profile"],
        unique=False,
        sqlite_where=sa.text("(target = 'running' OR handle IS NOT NULL OR phase NOT IN ('gone', 'failed'))"),
        postgresql_where=sa.text("(target = 'running' OR handle IS NOT NULL OR phase NOT IN ('gone', 'failed'))"),
    )
