"""Machines in clouds, as the database keeps them."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

from tests.support.samples import NOW

from almanac.storage.database import Database
from almanac.storage.rows import NodeRow
from almanac.storage.tables import nodes

LATER = NOW + timedelta(minutes=5)


def invited(
    database: Database, cluster: str = "c-1", node: str = "head", join: str = "join", site: str = "sky"
) -> None:
    with database.write() as unit:
        unit.nodes.invite(site, cluster, node, join, LATER)


def test_columns_stand_in_the_order_of_the_row() -> None:
    assert [column.name for column in nodes.c if column.name != "tails"] == [field.name for field in fields(NodeRow)]


def test_a_machine_is_found_by_name_and_by_either_token(database: Database) -> None:
    invited(database)
    with database.write() as unit:
        row = unit.nodes.get("sky", "c-1", "head")
        assert row == NodeRow("sky", "c-1", "head", "join", LATER)
        unit.nodes.record(row, token_hash="token", report={"doing": "resting"}, seen_at=NOW)
        found = unit.nodes.by_token("token")
        assert found is not None
        assert (found.report, found.seen_at) == ({"doing": "resting"}, NOW)
        assert unit.nodes.by_join("join") == found
        assert (
            unit.nodes.by_token("join") is unit.nodes.by_join("token") is unit.nodes.get("sea", "c-1", "head") is None
        )


def test_a_new_invitation_voids_all_but_the_orders(database: Database) -> None:
    invited(database)
    with database.write() as unit:
        row = unit.nodes.get("sky", "c-1", "head")
        unit.nodes.record(
            row, token_hash="token", report={"doing": "x"}, seen_at=NOW, last_active=NOW, saved_at=NOW,
            warning="odd", tails={"master": "line"}, orders="sealed", revision=3,
        )  # fmt: skip
    invited(database, join="again")
    with database.read() as unit:
        assert unit.nodes.get("sky", "c-1", "head") == NodeRow(
            "sky", "c-1", "head", "again", LATER, orders="sealed", revision=3
        )
        assert unit.nodes.tails("sky", "c-1", "head") == {}


def test_a_forgotten_cluster_leaves_nothing_and_others_stay(database: Database) -> None:
    for number, (site, cluster, node) in enumerate(
        [("sky", "c-1", "head"), ("sky", "c-1", "worker-1"), ("sky", "c-2", "head"), ("sea", "c-1", "head")]
    ):
        invited(database, cluster, node, f"join-{number}", site)
    with database.write() as unit:
        row = unit.nodes.get("sky", "c-1", "head")
        assert [one.node for one in unit.nodes.beside(row)] == ["head", "worker-1"]
        unit.nodes.record(row, tails={"master": "line"})
        assert unit.nodes.tails("sky", "c-1", "head") == {"master": "line"}
        unit.nodes.forget("sky", "c-1")
        unit.nodes.record(row, token_hash="late")
        assert unit.nodes.tails("sky", "c-1", "head") == {}
        assert [(one.cluster, one.node) for one in unit.nodes.at("sky")] == [("c-2", "head")]
        assert [(one.cluster, one.node) for one in unit.nodes.at("sea")] == [("c-1", "head")]
