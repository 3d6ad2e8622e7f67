"""What was ordered, in files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from almanac.core.ports import LeaseOrder, PlacedNode
from almanac.core.resources import Flavor, Resources
from almanac.core.windows import Window
from almanac.sites.openstack.book import Book, entry, label
from almanac.sites.openstack.settings import LeaseKind

NODE = PlacedNode("head", "head", Flavor("m.small", Resources(2, 4096)), "x")
WINDOW = Window.lasting(datetime(2026, 12, 1, 10, 0, 7, tzinfo=UTC), timedelta(hours=1))
ORDER = LeaseOrder("l-1", WINDOW, (NODE, replace(NODE, name="worker-1")))


def test_a_new_process_finds_the_same_orders_and_name(tmp_path):
    first, written = Book(tmp_path), entry(ORDER, held=True)
    first.write(written)
    again = Book(tmp_path)
    assert (again.instance, again.read("l-1"), again.entries()) == (first.instance, written, {"l-1": written})
    assert written.groups == {"m.small": 2}
    again.remove("l-1")
    again.remove("l-1")
    assert (first.read("l-1"), first.entries()) == (None, {})


def test_two_almanacs_have_two_names(tmp_path):
    (tmp_path / "other").mkdir()
    assert Book(tmp_path).instance != Book(tmp_path / "other").instance


def test_the_kind_that_worked_is_remembered(tmp_path):
    assert Book(tmp_path).kind() is None
    Book(tmp_path).remember(LeaseKind.INSTANCE)
    assert Book(tmp_path).kind() is LeaseKind.INSTANCE


def test_long_flavor_names_stay_apart_and_short():
    long = "gpu.a100-80gb-pcie." + "x" * 60
    assert label("m.small") == "m.small"
    assert len(label(long)) == 45
    assert label(long) != label(long + "x")
    assert len(f"almanac/0a1b2c3d/l-7k3m9q2x/{label(long)}") <= 80
