"""The keeper of one cluster: ``python -m almanac.sites.local.keeper CONTROL_DIR [LOCK_FD]``.

It starts the cluster's services in order, starts again those that end, says in ``status.json`` how they fare, and ends
when a file named ``stop`` appears. As root it is process 1 of its own namespace, so its end is the end of everything in
the cluster. It loads the standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from almanac.sites.folder import Folder
from almanac.sites.local import cgroups, lock, processes, relay, sandbox
from almanac.sites.local.activity import Activity
from almanac.sites.local.launch import LAUNCH, LOCK, PORTS, STATUS, STOP, Launch
from almanac.sites.local.report import report
from almanac.sites.local.watched import PortTaken, Watched, telling_line

_BUSY, _CALM = 0.05, 0.25
_LONGEST_LOG, _KEPT_LOG = 16 * 2**20, 4 * 2**20
_LAST_WORDS = 2.0
_PORT_PATIENCE = 5


class Failed(Exception):
    """The cluster can't be kept as ordered; the site starts another keeper."""


class Keeper:
    """Supervises one cluster until told to stop."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.logs = Folder(folder.path / "logs")
        self.launch: Launch = folder.read_json(LAUNCH)
        self.watched: dict[str, Watched] = {}
        self.relays: dict[str, Watched] = {}
        self.endpoints: dict[str, int] = {}
        self.told = False
        self._seen = folder.stamp(LAUNCH)
        self._capped = False
        self._complaint = ""
        self._said: Mapping[str, Any] = {}
        self._doors: sandbox.Doors | None = None
        last: Mapping[str, Any] = folder.read_json(STATUS) or {}
        self._boot = last.get("boot")
        self.activity = Activity(self.launch["idle_cpu_cores"], last.get("last_active"))

    def run(self) -> None:
        """Keep the cluster until told to stop.

        Raises:
            Failed: it can't be kept.
            OSError: the machine refused a namespace, mount, group or port.
        """
        self._settle_in()
        wake = _wake_on(signal.SIGCHLD, signal.SIGTERM, tell=self._tell)
        self._take_orders()
        while not self.told and not self.folder.has(STOP):
            try:
                self._turn()
            except OSError as error:  # a full disk, say, must not end a running cluster
                self._complain(str(error))
            calm = all(w.up for w in self.watched.values())
            select.select([wake], [], [], _CALM if calm else _BUSY)
            _empty(wake)
        self._end()

    def _complain(self, about: str) -> None:
        if about != self._complaint:
            with suppress(OSError):  # the log may be on the disk that is full
                print(about, file=sys.stderr, flush=True)
        self._complaint = about

    def _tell(self) -> None:
        self.told = True

    def _settle_in(self) -> None:
        cgroups.join(self._groups())
        place = self.launch["sandbox"]
        if place is None:
            sandbox.become_subreaper()
            return
        if place["closed"]:
            self._doors = sandbox.Doors(closed=True)
        uid = self.launch["uid"] or 0
        user = {"name": f"almanac-{uid}", "uid": uid}
        shown = (place["state"], place["writable"], place["readable"])
        sandbox.furnish(*shown, user, place["hidden"], place["mounts"])

    def _turn(self) -> None:
        self._reap()
        if (stamp := self.folder.stamp(LAUNCH)) != self._seen and stamp is not None:
            self._seen, self.launch = stamp, self.folder.read_json(LAUNCH)
            self._take_orders()
            self._capped = False
        for relay_ in self.relays.values():
            self._advance(relay_, set())
        for watched in self.watched.values():
            self._advance(watched, {w.name for w in self.watched.values() if w.up})
        settled = bool(self.watched) and all(w.settled for w in self.watched.values())
        if settled and not self._capped:
            self._capped = True
            cgroups.settle(self._groups())
        self.activity.look(settled)
        self._say()

    def _groups(self) -> list[cgroups.Group]:
        return [cgroups.Group(*group) for group in self.launch["groups"]]

    def _take_orders(self) -> None:
        """Add and end services as ordered. One that runs keeps running as it was started: people are at work in it."""
        ordered = {definition["name"]: definition for definition in self.launch["services"]}
        for name in [name for name in self.watched if name not in ordered]:
            self.watched.pop(name).signal(signal.SIGTERM)
        uid = self.launch["uid"]
        prefix = ["setpriv", *relay.WITH_KEEPER, "--"] if uid is None else relay.drop_to(uid)
        for name, definition in ordered.items():
            if name in self.watched:
                self.watched[name].definition = definition
            else:
                self.watched[name] = Watched(definition, prefix)
        self._open_doors()

    def _open_doors(self) -> None:
        wanted = self.launch["doors"]
        if self._doors is None or self.launch["sandbox"] is None:
            self.endpoints = dict(wanted)
            return
        before: Mapping[str, int] = self.folder.read_json(PORTS) or {}
        for endpoint in [endpoint for endpoint in self.relays if endpoint not in wanted]:
            ended = self.relays.pop(endpoint)
            ended.signal(signal.SIGKILL)
            if ended.door is not None:
                ended.door.close()
            del self.endpoints[endpoint]
        for endpoint, port in wanted.items():
            if endpoint not in self.relays:
                door = self._doors.open(before.get(endpoint))
                self.endpoints[endpoint] = door.getsockname()[1]
                definition = relay.service(self.launch["sandbox"]["relay"], endpoint, port, self.launch["package"])
                self.relays[endpoint] = Watched(definition, relay.relay_user(), door)
        self.folder.write_json(PORTS, self.endpoints)

    def _advance(self, watched: Watched, up: set[str]) -> None:
        if not watched.due(up):
            watched.look()
            return
        name = "relays.log" if watched.door is not None else f"{watched.name}.log"
        log = _open_log(self.logs, name)
        try:
            watched.start(self.launch["tag"], log, self._prepare)
        except PortTaken as taken:
            if self._doors is None and watched.restarts >= _PORT_PATIENCE:
                raise Failed(str(taken)) from taken
            watched.last_exit = str(taken)
            watched.pause(0.5)
        except OSError as error:
            watched.last_exit = f"it can't be run: {error.strerror}: {error.filename}"
            watched.pause(2.0)
        finally:
            os.close(log)

    def _prepare(self, definition: Mapping[str, Any]) -> None:
        """Write a service's files as the cluster's own user: a link planted in their way leads no further than that user."""
        if not definition["files"] and not definition["dirs"]:
            return
        child = os.fork()
        if child == 0:
            os._exit(_write_as(self.launch["uid"], definition))
        if os.waitpid(child, 0)[1] != 0:
            raise OSError(0, "its files could not be written", definition["name"])

    def _reap(self) -> None:
        by_pid = {w.process.pid: w for w in [*self.watched.values(), *self.relays.values()] if w.process is not None}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in by_pid:
                by_pid[pid].signal(signal.SIGKILL)
                by_pid[pid].ended(os.waitstatus_to_exitcode(status))

    def _say(self, state: str = "", reason: str = "") -> None:
        status = report(list(self.watched.values()), self._words)
        said = {**status, "endpoints": self.endpoints, "last_active": self.activity.last, "boot": self._boot}
        if state:
            said |= {"state": state, "doing": "", "reason": reason}
        if said != self._said:
            self.folder.write_json(STATUS, said, durable=False)
            self._said = said

    def _words(self, service: str) -> str:
        log = _open_log(self.logs, f"{service}.log")
        try:
            return telling_line(os.pread(log, 8192, max(0, os.fstat(log).st_size - 8192)))
        finally:
            os.close(log)

    def _end(self) -> None:
        """Ask first those that nothing depends on, so that Spark's sessions close while Spark is there; then all; then kill."""
        with suppress(OSError):
            self._say("stopping")
        leaned_on = {name for w in self.watched.values() for name in w.definition["after"]}
        self._ask([w for w in self.watched.values() if w.name not in leaned_on], self.launch["drain_s"])
        self._ask([w for w in self.watched.values() if w.name in leaned_on], _LAST_WORDS)
        self.fall()

    def _ask(self, some: list[Watched], patience: float) -> None:
        for watched in some:
            watched.signal(signal.SIGTERM)
        until = time.monotonic() + patience
        while any(w.process for w in some) and time.monotonic() < until:
            self._reap()
            time.sleep(_BUSY)

    def fall(self) -> None:
        """End everything that is left; as process 1 of a namespace, ending oneself does it."""
        if self.launch["sandbox"] is not None:
            return
        mine, tag = os.getpid(), self.launch["tag"]

        def left() -> list[int]:
            self._reap()
            return [pid for pid, _ in processes.cpu_seconds(mine)] + [p for p in processes.tagged(tag) if p != mine]

        processes.end_all(left, lambda _: True)

    def fail(self, reason: str) -> None:
        """Leave word of why this keeper gives up."""
        with suppress(OSError):
            self._say("failed", reason)
        self.fall()


def _write_as(uid: int | None, definition: Mapping[str, Any]) -> int:
    try:
        if uid is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        os.umask(0o077)
        for directory in definition["dirs"]:
            Path(directory).mkdir(parents=True, exist_ok=True)
        for file in definition["files"]:
            Path(file["path"]).parent.mkdir(parents=True, exist_ok=True)
            aside = Path(f"{file['path']}.{os.getpid()}")
            aside.touch(mode=file["mode"])
            aside.write_text(file["content"])
            aside.rename(file["path"])
    except OSError as error:
        with suppress(OSError):
            print(f"{definition['name']}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _open_log(logs: Folder, name: str) -> int:
    """A log to append to; one that has grown long keeps only its end."""
    log = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=logs.fd)
    size = os.fstat(log).st_size
    if size > _LONGEST_LOG:
        kept = os.pread(log, _KEPT_LOG, size - _KEPT_LOG)
        os.ftruncate(log, 0)
        os.write(log, kept)
    return log


def _wake_on(*signals: signal.Signals, tell: Callable[[], None]) -> int:
    """A descriptor that becomes readable when a signal arrives; SIGTERM tells the keeper to stop."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for sig in signals:
        signal.signal(sig, lambda number, _: tell() if number == signal.SIGTERM else None)
    return reader


def _empty(pipe: int) -> None:
    try:
        while os.read(pipe, 4096):
            pass
    except BlockingIOError:
        return


def main(arguments: list[str]) -> int:
    """Run a keeper; a second one for the same cluster ends at once."""
    control = Path(arguments[0])
    held = int(arguments[1]) if len(arguments) > 1 else lock.take(control / LOCK, patience=0)
    if held is None:
        return 0
    os.set_inheritable(held, False)
    keeper = Keeper(Folder(control))
    try:
        keeper.run()
    except Failed as failure:
        keeper.fail(str(failure))
        return 1
    except OSError as error:
        keeper.fail(f"The machine refused: {error}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
