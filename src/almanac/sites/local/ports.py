"""Which ports a cluster's services listen on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from almanac.core.ports import ClusterSpec
from almanac.sites.folder import Folder
from almanac.sites.local.sandbox import listen
from almanac.spark.layout import fixed_ports, port_names

CHOSEN = "chosen-ports.json"
_FIRST_WORKER = 7100


def choose(spec: ClusterSpec, closed: bool, folder: Folder, alive: bool) -> dict[str, int]:
    """Ports by name.

    In a closed network they are always the same. In an open one they are picked free, and kept as long as the cluster
    lives or nobody else has taken them.
    """
    names = list(dict.fromkeys(name for node in spec.nodes for name in port_names(spec, node)))
    if closed:
        return _fixed(spec)
    before: Mapping[str, int] = folder.read_json(CHOSEN) or {}
    if not alive and not _all_free(before.values()):
        before = {}
    picked = {name: before[name] for name in names if name in before}
    new = _pick([name for name in names if name not in picked])
    if new or len(picked) != len(before):
        folder.write_json(CHOSEN, picked | new)
    return picked | new


def _fixed(spec: ClusterSpec) -> dict[str, int]:
    chosen = fixed_ports(spec, spec.head)
    for number, node in enumerate(spec.workers):
        chosen |= {node.name: _FIRST_WORKER + 2 * number, f"{node.name}-ui": _FIRST_WORKER + 2 * number + 1}
    return chosen


def _all_free(ports: Iterable[int]) -> bool:
    for port in ports:
        with listen(port) as probe:
            if probe.getsockname()[1] != port:
                return False
    return True


def _pick(names: list[str]) -> dict[str, int]:
    """Free ports, all held until the last is picked, so that they differ."""
    probes = [listen(None) for _ in names]
    picked = {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}
    for probe in probes:
        probe.close()
    return picked


def plain(launch: Mapping[str, Any]) -> dict[str, Any]:
    """The orders as they come back from a file (tuples become lists), so that they can be compared."""
    value: dict[str, Any] = json.loads(json.dumps(launch))
    return value
