"""The agent of one machine: it joins, gets its orders, carries them out and reports, until it is told to stop.

Killed at any point, it is started again by systemd and goes on: its token, its seats' records and systemd's units are all that
it needs to know.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

from almanac.node import disks, gpus, machine
from almanac.node.activity import Activity
from almanac.node.config import Config
from almanac.node.desk import Desk, Later, Refused, Wrong
from almanac.node.errands import ChoreFailed, Helper
from almanac.node.keeper import Keeper
from almanac.node.logs import Logs
from almanac.node.mounts import CantMount, Mounts
from almanac.node.numbers import Numbers
from almanac.node.orders import BadOrders, Orders
from almanac.node.reporter import Reporter, Status
from almanac.node.runtime import CantInstall, Runtime, ensure_user
from almanac.node.seats import AnothersFiles, Seats
from almanac.node.systemd import SystemdFailed

log = logging.getLogger(__name__)

NOT_OURS = 3
"""Exit status of an agent that isn't wanted: systemd doesn't start it again."""

_TURN_BUSY_S, _TURN_CALM_S, _AFTER_TROUBLE_S = 0.5, 1.5, 2.0
_TAILS_EVERY_S = 10.0
_GIVEN_UP_AFTER_S = 60.0
_LONGEST_PAUSE_S = 15.0
_HINDRANCES = (ChoreFailed, SystemdFailed, CantInstall, AnothersFiles, BadOrders, CantMount, Later, Wrong, OSError)


class Agent:
    """See above."""

    def __init__(self, config: Config, program: str, said: deque[str]) -> None:
        self._config = config
        self._state = Path(config.state)
        self._said = said
        self._told_to_end = threading.Event()
        _make_directories(config)
        self._desk = Desk(config.url, _own_token(self._state), config.ca)
        self._helper = Helper(config.user, program)
        self._logs = Logs(Path(config.logs), self._state / "events.json")
        self._keeper = Keeper(config, self._helper, self._logs)
        self._mounts = Mounts(config)
        self._seats = Seats(self._desk, self._helper, self._state / "seats")
        self._status = Status(facts=machine.facts())
        self._reporter = Reporter(self._desk, self._status)
        self._numbers = Numbers(self._desk, self._helper, config.numbers_every_s)
        self._activity = Activity()
        self._orders = Orders()
        self._taken = 0
        self._save_cap = 0
        self._package = ""
        self._furnished = False
        self._tails_at = time.monotonic()
        self._save_at = self._tails_at + config.save_every_s
        self._unsaved = ""
        self._tails: dict[str, str] = {}

    def run(self) -> int:
        """Run until told to end, or not wanted; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told_to_end.set())
        if not self._join():
            return self._give_up()
        self._reporter.start()
        if self._config.numbers_every_s:
            self._numbers.start()
        while not self._told_to_end.is_set():
            pause = self._try_turn()
            if self._unwanted():
                return self._give_up()
            self._told_to_end.wait(pause)
        self._save_before_the_end()
        return 0

    def _give_up(self) -> int:
        log.warning("Almanac doesn't know this machine, or no more; what runs here is ended.")
        self._keeper.stop()
        self._unmount()
        return NOT_OURS

    def _join(self) -> bool:
        """Join, however long it takes Almanac to answer; whether this machine may."""
        pause, patient_until = 1.0, time.monotonic() + (_GIVEN_UP_AFTER_S if self._keeper.written() else 0.0)
        while not self._told_to_end.is_set():
            try:
                self._desk.join(self._config.join_token, self._status.facts)
                break
            except (Refused, Wrong) as refused:
                log.warning("This machine may not join: %s", refused)
                if time.monotonic() >= patient_until:
                    return False
            except Later as later:
                log.info("%s", later)
            self._told_to_end.wait(pause)
            pause = min(_LONGEST_PAUSE_S, pause * 1.5)
        return True

    def _try_turn(self) -> float:
        """Do what is to be done now; how long to rest after it."""
        try:
            self._turn()
        except Refused:
            return _AFTER_TROUBLE_S  # the reporter hears it too
        except _HINDRANCES as error:
            if self._status.trouble != str(error):
                log.warning("%s", error)
            self._status.trouble = str(error)
            self._reporter.report_now()
            return _AFTER_TROUBLE_S
        return _TURN_CALM_S if self._status.calm else _TURN_BUSY_S

    def _turn(self) -> None:
        if not self._furnished:
            self._furnish()
        if self._reporter.wanted != self._taken:
            self._take_orders()
        if self._orders.stop:
            self._finish()
            return
        self._keeper.turn(self._reporter.ready)
        self._activity.look(self._keeper.cpu_s, self._orders.idle_cpu_cores, self._keeper.calm)
        self._tell()
        if time.monotonic() > self._save_at:
            self._save_now_and_then()
        if time.monotonic() - self._tails_at > _TAILS_EVERY_S:
            self._send_tails()

    def _furnish(self) -> None:
        """What doesn't depend on orders: a user, scratch, GPUs."""
        if self._config.user:
            ensure_user(self._config.user)
        uid, gid = self._helper.ids()
        scratch = Path(self._config.scratch)
        self._doing("Looking for disks.")
        self._status.facts["scratch"] = disks.mount_scratch(scratch)
        for directory in (scratch, Path(self._config.run)):
            os.chown(directory, uid, gid)
            directory.chmod(0o700)
        self._status.facts["gpus"], why_not = gpus.find()
        if why_not:
            self._status.facts["gpus_missing"] = why_not
        self._furnished = True

    def _take_orders(self) -> None:
        told = self._desk.orders()
        orders = Orders.of(told["orders"])
        self._save_cap = int(told["save_cap"])
        if not orders.stop:
            self._take_mounts(orders)
            self._install(told["package"])
            self._doing("Bringing files.")
            self._seats.furnish(orders.seats)
            for name, seat in orders.seats.items():
                self._seats.bring(name, seat)
            self._keeper.take(orders)
            self._logs.remember(orders)
        if not told["revision"]:
            return
        self._orders, self._taken = orders, int(told["revision"])
        self._status.revision = self._taken
        log.info("carrying out orders %d", self._taken)

    def _take_mounts(self, orders: Orders) -> None:
        if orders.mounts:
            self._doing("Mounting shared data.")
        self._mounts.take(orders.mounts)
        if orders.mounts:
            self._status.facts["data"] = self._mounts.said()

    def _install(self, digest: str) -> None:
        if self._package == digest:
            return
        runtime = Runtime(Path(self._config.opt), self._doing)
        if not runtime.has(digest):
            self._doing("Fetching Almanac's package.")
            with tempfile.TemporaryFile() as archive:
                self._desk.package(archive)
                archive.seek(0)
                runtime.unpack(archive, digest)
        runtime.complete()
        self._package = digest

    def _finish(self) -> None:
        """End, save, and say so; done again from the start if it is broken off."""
        if self._status.finished:
            return
        self._status.calm = False
        self._doing("Ending services and saving files.")
        self._keeper.stop()
        self._status.services = dict.fromkeys(self._status.services, "ended")
        self._send_tails()
        if not self._save():
            return
        if self._orders.logs is not None:
            self._logs.send(self._desk, self._helper)
        self._unmount()
        self._status.doing = self._status.trouble = ""
        self._status.saved_at = time.monotonic()
        self._status.finished = True
        self._reporter.report_now()
        log.info("everything is saved")

    def _unmount(self) -> None:
        """A server that is away hinders nothing: everything is saved, and the machine goes."""
        why = self._mounts.end()
        if why:
            log.warning("Shared data can't be unmounted: %s", why)

    def _save(self) -> bool:
        """Save what changed in all seats; whether that is all of it."""
        whole = [self._seats.save(name, seat, self._save_cap) for name, seat in self._orders.seats.items()]
        if all(whole):
            self._status.saved_at = time.monotonic()
        return all(whole)

    def _save_now_and_then(self) -> None:
        """Save; what hinders it is said until it is done, and hinders nothing else."""
        try:
            self._save()
            self._unsaved = ""
            self._save_at = time.monotonic() + self._config.save_every_s
        except _HINDRANCES as error:
            self._unsaved = f"Changed files can't be saved: {error}"
            self._save_at = time.monotonic() + min(_LONGEST_PAUSE_S, self._config.save_every_s)

    def _save_before_the_end(self) -> None:
        try:
            self._save()
        except (Refused, *_HINDRANCES) as error:
            log.warning("Changed files can't be saved: %s", error)

    def _send_tails(self) -> None:
        self._tails_at = time.monotonic()
        tails = {**self._logs.tails(self._status.services), "agent": "".join(f"{line}\n" for line in self._said)}
        if tails != self._tails:
            self._desk.save_tails(tails)
            self._tails = tails

    def _tell(self) -> None:
        before = self._status.services
        self._status.services = self._keeper.states
        self._status.doing = self._keeper.doing
        self._status.trouble = " ".join(filter(None, (self._keeper.trouble, self._mounts.mend(), self._unsaved)))
        self._status.calm = self._keeper.calm
        self._status.active_at = self._activity.last
        if self._status.calm:
            self._numbers.may_install.set()
        if before != self._status.services:
            self._reporter.report_now()

    def _doing(self, what: str) -> None:
        self._status.doing, self._status.trouble = what, ""
        self._reporter.report_now()

    def _unwanted(self) -> bool:
        since = self._reporter.refused_since
        return since is not None and time.monotonic() - since > _GIVEN_UP_AFTER_S


def _make_directories(config: Config) -> None:
    os.umask(0o077)
    for directory in (config.state, f"{config.state}/seats", config.secrets):
        Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in (config.opt, config.run, config.scratch, config.logs, config.units):
        machine.make_open(Path(directory))


def _own_token(state: Path) -> str:
    """This machine's own token: made before it joins, so that joining can be tried again."""
    path = state / "token"
    if not path.exists():
        aside = state / "token.new"
        aside.touch(mode=0o600)
        aside.write_text(f"almn_{secrets.token_urlsafe(32)}")
        aside.replace(path)
    return path.read_text()
