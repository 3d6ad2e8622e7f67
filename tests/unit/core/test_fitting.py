"""Which of a cloud's flavors stands in for a shape that a profile names."""

from __future__ import annotations

from almanac.core.fitting import by_name, stand_in
from almanac.core.resources import Flavor, Resources

SMALL = Flavor("m.small", Resources(2, 4096, 20))
LARGE = Flavor("m.large", Resources(8, 16384, 80))
FAST = Flavor("m.fast", Resources(16, 65536, 400), nvme=True)
GPU = Flavor("g.small", Resources(2, 4096, 20, gpus=1))
ALL = (GPU, LARGE, FAST, SMALL)


def test_the_smallest_that_is_large_enough():
    assert stand_in(Flavor("head", Resources(1, 1280, 2)), ALL) == SMALL
    assert stand_in(Flavor("worker", Resources(2, 4097, 8)), ALL) == LARGE
    assert stand_in(Flavor("fat", Resources(9, 1024, 0)), ALL) == FAST
    assert stand_in(Flavor("huge", Resources(64, 1024, 0)), ALL) is None


def test_gpus_and_nvme_go_to_those_who_ask_for_them():
    assert stand_in(Flavor("worker-gpu", Resources(1, 1024, 0, gpus=1)), ALL) == GPU
    assert stand_in(Flavor("scratch", Resources(1, 1024, 0), nvme=True), ALL) == FAST


def test_a_sites_own_flavor_is_meant_by_its_name_however_small():
    named = by_name([Flavor("head", Resources(1, 512, 1)), LARGE], [Flavor("head", Resources(2, 4096, 4))])
    assert named["head"].resources.cores == 1
    shapes = [Flavor("head", Resources(1, 1024, 1)), Flavor("huge", Resources(64, 1, 1))]
    assert by_name([LARGE], shapes) == {"m.large": LARGE, "head": LARGE}
