"""Starting a cluster, step by step. Every step may be the last of this process, and every step may have been done before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from almanac.core.addresses import notebook_path
from almanac.core.ports import ClusterSpec, Handle, Permanent, Temporary
from almanac.sites.endpoints import doors
from almanac.sites.local import data, leases, lock, people, ports, processes, relay, trees
from almanac.sites.local.ending import end_processes, remove
from almanac.sites.local.explained import explained
from almanac.sites.local.ground import RECORD, Ground, Place
from almanac.sites.local.isolation import UNSHARE
from almanac.sites.local.launch import LAUNCH, LOCK, STATUS, STOP, Launch, Sandbox
from almanac.spark.layout import Layout
from almanac.spark.runtime import Runtime
from almanac.spark.service import Service

_LEAST_FREE = 512 * 2**20
_KEEPERS_MIB = 96
_PACKAGE = str(Path(__file__).resolve().parents[3])
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def start(ground: Ground, spec: ClusterSpec) -> Iterator[Handle]:
    """Make the cluster run as specified; see ``core.ports.Site.start``."""
    place = ground.place(spec.id)
    handle = {"cluster": spec.id}
    with explained(f"start {spec.id}"):
        if place.saved:
            remove(ground, place)  # an end that was broken off: what remains is of a former life
        _record(ground, place, spec)
        yield handle
        uid = ground.give_uid(place)
        yield handle
        _furnish_homes(ground, place, spec, uid)
        yield handle
        _write_launch(ground, place, spec, uid)
        yield handle
        _wake(ground, place, uid)
        yield handle


def _record(ground: Ground, place: Place, spec: ClusterSpec) -> None:
    """Write the intent, without secrets: enough to end the cluster and save its files, whatever happens next."""
    if not leases.held(ground.leases, spec.lease):
        raise Temporary(f"The lease {spec.lease} of {spec.id} isn't held here.")
    free = shutil.disk_usage(ground.state).free
    if free < _LEAST_FREE:
        raise Temporary(f"Only {free // 2**20} MiB are free in {ground.state}; a cluster needs {_LEAST_FREE // 2**20}.")
    for seat in spec.seats:
        if seat.files is not None:
            people.checked(seat.files)
    if spec.logs is not None:
        people.checked(spec.logs)
    place.control.mkdir(mode=0o711, exist_ok=True)
    place.logs.mkdir(mode=0o700, exist_ok=True)
    record = {
        "id": spec.id,
        "lease": spec.lease,
        "profile": spec.profile,
        "seats": {seat.name: seat.files for seat in spec.seats},
        "logs": spec.logs,
    }
    with place.folder() as folder:
        if folder.read_json(RECORD) != record:
            folder.write_json(RECORD, record)


def _furnish_homes(ground: Ground, place: Place, spec: ClusterSpec, uid: int | None) -> None:
    place.node.mkdir(mode=0o700, exist_ok=True)
    if uid is not None and place.node.stat().st_uid != uid:
        with trees.opened(place.node) as node:  # new, or its former uid was lost with the registry
            trees.own(node, uid)
    for seat in spec.seats:
        home = place.home(seat.name)
        with trees.opened(place.node) as node, trees.parent_of(node, home / "any", make=True, owner=uid):
            pass
        if seat.files is not None:
            with place.folder() as control:
                files = people.checked(seat.files)
                people.Desk(control, seat.name, place.node, home, ground.storage, files, uid).bring()


def _write_launch(ground: Ground, place: Place, spec: ClusterSpec, uid: int | None) -> None:
    runtime, mounts = ground.runtime(), data.asked(ground.settings.mounts, spec.data)
    with place.folder() as folder:
        chosen = ports.choose(spec, ground.isolation.closed, folder, place.alive)
        where = data.places(mounts, ground.isolation.namespaces)
        layout = _layout(ground, place, spec, runtime, chosen, where)
        services = [service for node in spec.nodes for service in ground.render(spec, node, layout)]
        launch = _launch(ground, place, spec, uid, services, _sandbox(ground, place, runtime, mounts))
        _check_readable(ground, launch)
        if folder.read_json(LAUNCH) != launch:
            folder.write_json(LAUNCH, launch)


def _layout(
    ground: Ground, place: Place, spec: ClusterSpec, runtime: Runtime, chosen: dict[str, int], where: dict[str, str]
) -> Layout:
    return Layout(
        runtime=runtime,
        address="127.0.0.1",
        head="127.0.0.1",
        ports=chosen,
        run=str(place.node / "run"),
        scratch=str(place.node / "scratch"),
        homes={seat.name: str(place.node / place.home(seat.name)) for seat in spec.seats},
        data=str(ground.shared),
        mounts=where,
        urls={seat.name: notebook_path(spec.id, seat.name) for seat in spec.seats},
    )


def _launch(
    ground: Ground,
    place: Place,
    spec: ClusterSpec,
    uid: int | None,
    services: list[Service],
    sandbox: Sandbox | None,
) -> dict[str, Any]:
    needs = [node.flavor.resources for node in spec.nodes]
    memory = sum(r.memory_mib for r in needs) + _KEEPERS_MIB
    threads = 2048 + 1024 * len(needs) + 512 * len(spec.seats)
    launch: Launch = {
        "cluster": spec.id,
        "tag": ground.tag(spec.id),
        "uid": uid,
        "node": str(place.node),
        "package": _PACKAGE,
        "sandbox": sandbox,
        "groups": [(*g,) for g in ground.groups(spec.id, memory, max(1, sum(r.cores for r in needs)), threads)],
        "doors": doors(services),
        "services": [asdict(service) for service in services],
        "idle_cpu_cores": spec.idle_cpu_cores,
        "drain_s": ground.settings.drain.total_seconds(),
    }
    return ports.plain(launch)


def _sandbox(ground: Ground, place: Place, runtime: Runtime, mounts: data.Mounts) -> Sandbox | None:
    if not ground.isolation.namespaces:
        return None
    return {
        "state": str(ground.state),
        "writable": [str(place.node)],
        "readable": _readable(ground, runtime),
        "hidden": data.hidden(ground.settings.mounts),
        "mounts": data.bound(mounts),
        "closed": ground.isolation.closed,
        "relay": relay.find_program(),
    }


def _readable(ground: Ground, runtime: Runtime) -> list[str]:
    """What services read, wherever it lies: Python and what it was made from, Java, Spark, Almanac itself, shared data."""
    pythons = [Path(runtime.python), Path(sys.executable)]
    for python in tuple(pythons):
        while python.is_symlink():
            python = python.parent / python.readlink()  # noqa: PLW2901 - each link of the chain counts
            pythons.append(python)
    places = [str(Path(os.path.abspath(python)).parent.parent) for python in pythons]  # noqa: PTH100 - links stay
    places += [
        sys.prefix,
        sys.base_prefix,
        runtime.java_home,
        runtime.spark_home,
        runtime.conf_dir,
        runtime.package,
        _PACKAGE,
    ]
    if runtime.archive is not None:
        places.append(runtime.archive)
    if not ground.isolation.closed:
        places.append(os.path.realpath("/etc/resolv.conf"))
    return list(dict.fromkeys([*places, str(ground.shared)]))


def _check_readable(ground: Ground, launch: dict[str, Any]) -> None:
    """Without mounts, a uid of its own has to be able to walk to everything that it reads."""
    if launch["uid"] is None or launch["sandbox"] is not None:
        return
    for path in (launch["node"], sys.prefix, str(ground.shared)):
        for above in Path(path).parents:
            if not above.stat().st_mode & 0o001:
                raise Permanent(f"{above} can't be entered by other users, and {path} is below it; chmod o+x {above}.")


def _wake(ground: Ground, place: Place, uid: int | None) -> None:
    """Make sure that a keeper runs. The lock passes from here to the keeper without a moment in which nobody holds it."""
    if place.ending:
        end_processes(ground, place)
    if place.alive or (held := lock.take(place.control / LOCK)) is None:
        return
    try:
        left = ground.kill(place, uid)
        if left:
            raise Temporary(f"{len(left)} processes of the former {place.id} don't end.")
        with place.folder() as folder:
            folder.remove(STOP)
            before = folder.read_json(STATUS) or {}
            total = len(folder.read_json(LAUNCH)["services"])
            folder.write_json(STATUS, _starting(before.get("last_active"), total))
        _spawn(ground, place, held)
    finally:
        lock.release(held)


def _starting(last_active: float | None, total: int) -> dict[str, Any]:
    boot = _BOOT.read_text().strip()
    nothing: dict[str, Any] = {"reason": "", "done": 0, "total": total, "endpoints": {}, "services": {}}
    return nothing | {"state": "starting", "doing": "The keeper is starting.", "last_active": last_active, "boot": boot}


def _spawn(ground: Ground, place: Place, held: int) -> None:
    keeper = [sys.executable, "-S", "-m", "almanac.sites.local.keeper", str(place.control), str(held)]
    apart = UNSHARE if ground.isolation.namespaces else ()
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": _PACKAGE,
        processes.TAG: ground.tag(place.id),
    }
    with (place.logs / "keeper.log").open("ab") as log:
        done = subprocess.run(
            ["setsid", "--fork", *apart, *keeper],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(held,),
            timeout=30,
            check=False,
        )
    if done.returncode != 0:
        raise Temporary(f"The keeper of {place.id} could not be started (setsid ended with {done.returncode}).")
