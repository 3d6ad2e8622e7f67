from __future__ import annotations

import pytest

from almanac.core.resources import RESOURCE_NAMES, Resources


def test_resources_add_subtract_and_multiply_by_component():
    node = Resources(cores=2, memory_mib=1024, disk_gib=10, gpus=1)
    assert node + node == node * 2 == Resources(4, 2048, 20, 2)
    assert node * 3 - node == node * 2


def test_the_vector_follows_the_names():
    node = Resources(cores=1, memory_mib=2, disk_gib=3, gpus=4)
    assert node.vector == tuple(getattr(node, name) for name in RESOURCE_NAMES)


@pytest.mark.parametrize("name", RESOURCE_NAMES)
def test_one_component_too_many_doesn_t_fit(name):
    room = Resources(4, 4, 4, 4)
    assert room.fits_in(room)
    assert not (room + Resources(**{name: 1})).fits_in(room)
