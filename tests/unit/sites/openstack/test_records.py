"""What was asked for of each cluster, in files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from almanac.sites.openstack.records import Record, Records

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
KEPT = Record(
    "c-1",
    "l-1",
    {"head": "head", "worker-1": "worker"},
    {"head": ("master", "connect"), "worker-1": ("worker-1",)},
    {"seat-1": None},
    None,
    {"connect": 15002},
    replaced_at=NOW,
)


def test_records_outlive_the_process(tmp_path):
    Records(tmp_path).write(KEPT)
    Records(tmp_path).write(replace(KEPT, id="c-2", replaced_at=None))
    assert Records(tmp_path).read("c-1") == KEPT
    assert set(Records(tmp_path).all()) == {"c-1", "c-2"}
    assert KEPT.head_node == "head"


def test_marks_say_since_when_and_go_with_the_record(tmp_path):
    records = Records(tmp_path)
    records.write(KEPT)
    assert records.mark("c-1", "ending", NOW) == NOW
    assert records.mark("c-1", "ending", NOW + timedelta(minutes=1)) == NOW
    assert records.marked("c-1", "ending")
    records.unmark("c-1", "ending")
    assert not records.marked("c-1", "ending")
    records.mark("c-1", "ready", NOW)
    records.remove("c-1")
    records.remove("c-1")
    assert (records.all(), records.marked("c-1", "ready")) == ({}, False)
