"""Flavors that stand in for others: profiles name shapes, and clouds have flavors of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from almanac.core.resources import Flavor


def stand_in(shape: Flavor, flavors: Iterable[Flavor]) -> Flavor | None:
    """The smallest flavor that has all that a shape has: fewest GPUs, then cores, memory and disk; None if none does.

    Args:
        shape: what a node needs.
        flavors: what a site has.
    """
    large_enough = [
        flavor for flavor in flavors if shape.resources.fits_in(flavor.resources) and (flavor.nvme or not shape.nvme)
    ]

    def size(flavor: Flavor) -> tuple[int, int, int, int, str]:
        of = flavor.resources
        return (of.gpus, of.cores, of.memory_mib, of.disk_gib, flavor.name)

    return min(large_enough, key=size, default=None)


def by_name(flavors: Iterable[Flavor], shapes: Iterable[Flavor]) -> Mapping[str, Flavor]:
    """A site's flavors by their names, and by those of the shapes that they stand in for.

    Args:
        flavors: what a site has.
        shapes: what profiles may name; a flavor of the site with the same name is meant itself.
    """
    own = {flavor.name: flavor for flavor in flavors}
    others = {shape.name: stand_in(shape, own.values()) for shape in shapes if shape.name not in own}
    return own | {name: found for name, found in others.items() if found is not None}
