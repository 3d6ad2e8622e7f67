"""Shared data on this machine: a systemd mount unit for each label that the orders name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from almanac.node import systemd
from almanac.node.config import Config
from almanac.node.disks import mount_points
from almanac.node.keeper import written_anew
from almanac.node.orders import Mount
from almanac.node.runtime import CantInstall, ensure_mounter
from almanac.node.systemd import SystemdFailed

_TIMEOUT_S, _LOOK_EVERY_S, _LONGEST_FACT = 60, 10.0, 900
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")
_UNIT = """\
[Unit]
Description=Almanac: the data {label}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Mount]
What={what}
Where={path}
Type={type}
Options={options}
DirectoryMode=0755
TimeoutSec={timeout}
"""


class CantMount(Exception):
    """Data can't be mounted; the message says which, where and why."""


class Mounts:
    """What the orders want mounted.

    Args:
        config: where units and secrets go, and this machine's name.
        proc: where the kernel tells what is mounted.
    """

    def __init__(self, config: Config, proc: Path = Path("/proc")) -> None:
        self._node = config.node
        self._units = Path(config.units)
        self._secrets = Path(config.secrets)
        self._proc = proc
        self._wanted: tuple[Mount, ...] = ()
        self._look_at = 0.0
        self._trouble = ""

    def take(self, wanted: Sequence[Mount]) -> None:
        """Mount what is ordered and unmount what isn't any more. What is mounted as ordered stays.

        Raises:
            CantMount: see there; it is tried again.
            SystemdFailed, OSError: likewise.
        """
        names = {unit_name(one.path) for one in wanted}
        self._end([name for name in self.written() if name not in names])
        changed = [self._write(one) for one in wanted]
        if any(changed):
            systemd.reload()
        self._wanted = tuple(wanted)

        self._mount_missing()

    def mend(self) -> str:
        """Mount what isn't mounted any more, but not again and again at once. What is wrong, in words; empty when nothing is."""
        now = time.monotonic()
        if now < self._look_at:
            return self._trouble
        self._look_at = now + _LOOK_EVERY_S
        try:
            self._mount_missing()
            self._trouble = ""
        except CantMount as error:
            self._trouble = str(error)
        return self._trouble

    def end(self) -> str:
        """Unmount everything, also what an agent before this one has mounted; why that can't be done, else nothing."""
        self._wanted = ()
        try:
            self._end(self.written())
        except (SystemdFailed, OSError) as error:
            return str(error)
        return ""

    def said(self) -> str:
        """What is mounted where, in words."""
        return ", ".join(f"{one.label} at {one.path}" for one in self._wanted)[:_LONGEST_FACT]

    def written(self) -> list[str]:
        """Units of ours, whoever wrote them."""
        found = self._units.glob("*.mount")
        return sorted(path.name for path in found if "Description=Almanac:" in path.read_text())

    def _mount_missing(self) -> None:
        there = mount_points(self._proc) if self._wanted else set()
        for one in self._wanted:
            if one.path not in there:
                self._mount(one)

    def _mount(self, one: Mount) -> None:
        try:
            ensure_mounter(one.type)
            systemd.mount(unit_name(one.path))
        except (SystemdFailed, CantInstall, OSError) as error:
            why = str(error).rstrip(".")
            raise CantMount(f"{one.label} can't be mounted on {self._node}: {why}.") from error

    def _write(self, one: Mount) -> bool:
        secret, options = self._secrets / f"{one.label}.key", one.options
        if one.secret:
            written_anew(secret, one.secret, 0o600)
            options = f"{options},secretfile={secret}"
        told = {"label": one.label, "what": one.what, "path": one.path, "type": one.type, "options": options}
        text = _UNIT.format(timeout=_TIMEOUT_S, **{name: value.replace("%", "%%") for name, value in told.items()})
        return written_anew(self._units / unit_name(one.path), text, 0o644)

    def _end(self, names: Sequence[str]) -> None:
        systemd.stop(names)
        for name in names:
            (self._units / name).unlink()
        if names:
            systemd.reload()
        kept = {f"{one.label}.key" for one in self._wanted if unit_name(one.path) not in names}
        for secret in self._secrets.glob("*.key"):
            if secret.name not in kept:
                secret.unlink()


def unit_name(path: str) -> str:
    r"""The mount unit of a path, as systemd wants it named: ``/data/gaia-dr3`` is ``data-gaia\x2ddr3.mount``."""
    parts = [part for part in path.split("/") if part]
    return "-".join("".join(_escaped(letter) for letter in part) for part in parts) + ".mount"


def _escaped(letter: str) -> str:
    return letter if letter in _PLAIN else "".join(f"\\x{byte:02x}" for byte in letter.encode())
