"""Nova's flavors as the shapes of nodes: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from almanac.core.resources import Flavor, Host, Resources

RESERVED_PREFIX = "reservation:"
"""Blazar makes a flavor of its own for every reservation."""
_NOT_GPUS = ("nvme", "nic", "qat", "vf")
_GPU_CLASS = re.compile(r"resources\d*:(VGPU|PGPU|CUSTOM_\w*GPU\w*)$")


def shape(flavor: Mapping[str, Any], volume_gib: int) -> Flavor:
    """A flavor as a node's shape.

    Args:
        flavor: Nova's JSON, extra specs included.
        volume_gib: its disk, where the flavor has none.
    """
    extra: Mapping[str, str] = flavor.get("extra_specs") or {}
    disk = int(flavor["disk"]) + int(flavor.get("OS-FLV-EXT-DATA:ephemeral") or 0)
    size = Resources(int(flavor["vcpus"]), int(flavor["ram"]), disk or volume_gib, gpus(extra))
    return Flavor(str(flavor["name"]), size, nvme=_has_nvme(str(flavor["name"]), extra))


def gpus(extra: Mapping[str, str]) -> int:
    """How many GPUs a flavor's extra specs ask for, as resources or as PCI devices (``a100:2,mlx-nic:1``)."""
    asked = sum(int(value) for key, value in extra.items() if _GPU_CLASS.match(key) and value.isdigit())
    for device in extra.get("pci_passthrough:alias", "").split(","):
        alias, _, count = device.strip().partition(":")
        if alias and not any(other in alias.lower() for other in _NOT_GPUS):
            asked += int(count) if count.isdigit() else 1
    return asked


def _has_nvme(name: str, extra: Mapping[str, str]) -> bool:
    said = [name, extra.get("pci_passthrough:alias", "")]
    said += [key for key, value in extra.items() if key.startswith("trait:") and value == "required"]
    said += [value for key, value in extra.items() if key.startswith("aggregate_instance_extra_specs:")]
    said += [key for key, value in extra.items() if value.lower() == "true"]
    return any("nvme" in word.lower() for word in said)


def offered(found: Iterable[Flavor], patterns: Sequence[str], hosts: Sequence[Host], whole_hosts: bool) -> list[Flavor]:
    """The flavors that people may have here: those that the operator named, and that fit somewhere.

    Args:
        found: all of them.
        patterns: such as ``m.*``; none: all.
        hosts: where they must fit.
        whole_hosts: hosts are leased whole, so that a flavor must fill more than half of every one that it fits on:
            otherwise two claims could share a host that can only be leased once.
    """
    chosen = []
    for flavor in found:
        if flavor.name.startswith(RESERVED_PREFIX):
            continue
        if patterns and not any(fnmatchcase(flavor.name, pattern) for pattern in patterns):
            continue
        fitting = [host for host in hosts if flavor.resources.fits_in(host.resources)]
        twice = flavor.resources * 2
        if fitting and not (whole_hosts and any(twice.fits_in(host.resources) for host in fitting)):
            chosen.append(flavor)
    return sorted(chosen, key=lambda flavor: (flavor.resources.vector, flavor.name))
