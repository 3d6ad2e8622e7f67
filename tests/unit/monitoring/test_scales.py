from __future__ import annotations

import pytest

from almanac.monitoring.panels import Unit
from almanac.monitoring.scales import scale_of


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("percentunit", 0.75, "75 %"),
        ("percentunit", 0.3337, "33.4 %"),
        ("percentunit", 0.0, "0 %"),
        ("short", 12345.0, "12345"),
        ("short", 1.25, "1.2"),
        ("s", 0.126, "0.13 s/s"),
        ("bytes", 0.0, "0 B"),
        ("bytes", 1023.0, "1023 B"),
        ("bytes", 1024.0, "1 KiB"),
        ("Bps", 1.5 * 2**20, "1.5 MiB/s"),
        ("bytes", 3 * 2**60, "3145728 TiB"),
        ("bytes", -2048.0, "-2 KiB"),
    ],
)
def test_a_number_is_written_in_its_unit(unit, value, words):
    assert scale_of(unit, [value]).said(value) == words


def test_all_numbers_of_a_panel_are_written_alike():
    scale = scale_of("Bps", [1.0, 5 * 2**30])
    assert [scale.said(value) for value in (2**28, 5 * 2**30)] == ["0.2 GiB/s", "5 GiB/s"]


@pytest.mark.parametrize("unit", Unit)
def test_every_unit_has_a_scale_without_numbers_too(unit):
    assert scale_of(unit, []).said(0.0).startswith("0")
