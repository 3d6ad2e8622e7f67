"""What systemd is asked, and what it tells of units."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_PATIENCE_S = 120.0
_ASKED = "Id,ActiveState,SubState,NRestarts,ExecMainStatus,Result,CPUUsageNSec"


class SystemdFailed(Exception):
    """systemctl refused, in its words."""


@dataclass(frozen=True)
class Unit:
    """One unit as systemd sees it.

    Attributes:
        active: ``active``, ``activating``, ``inactive``, ``failed``, ...
        sub: ``running``, ``exited``, ``auto-restart``, ...
        restarts: how often it was started again.
        status: how its main process last ended.
        result: in a word, such as ``success``, ``exit-code``, ``oom-kill``.
        cpu_s: processor time used, of all its processes; None when it isn't counted.
    """

    active: str = "inactive"
    sub: str = "dead"
    restarts: int = 0
    status: str = ""
    result: str = "success"
    cpu_s: float | None = None


def reload() -> None:
    """Let systemd read units anew."""
    _run(["daemon-reload"])


def start(units: Sequence[str]) -> None:
    """Start units, without waiting for them."""
    _run(["start", "--no-block", *units])


def stop(units: Sequence[str]) -> None:
    """Stop units, and wait until they have ended."""
    if units:
        _run(["stop", *units])


def mount(unit: str) -> None:
    """Mount, and wait until it is done.

    Raises:
        SystemdFailed: it failed; the message is what ``mount`` said, where systemd's journal tells.
    """
    reset(unit)
    try:
        _run(["start", unit])
    except SystemdFailed as error:
        raise SystemdFailed(_said(unit) or str(error)) from None


def _said(unit: str) -> str:
    """The last words of ``mount``, or of its helper such as ``mount.nfs``."""
    command = ["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=20", f"--unit={unit}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("mount")]
    return lines[-1][:300] if lines else ""


def reset(unit: str) -> None:
    """Forget a unit's failures, so that it can be started again."""
    _run(["reset-failed", unit], check=False)


def show(units: Sequence[str]) -> dict[str, Unit]:
    """How units fare, by name; one that systemd doesn't know is inactive."""
    if not units:
        return {}
    told = _run(["show", f"--property={_ASKED}", "--", *units])
    found = (_properties(block) for block in told.split("\n\n"))
    return {one["Id"]: _unit(one) for one in found if "Id" in one}


def _run(arguments: Sequence[str], check: bool = True) -> str:
    try:
        done = subprocess.run(
            ["systemctl", "--no-pager", *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemdFailed(f"systemctl {arguments[0]}: {error}") from None
    if check and done.returncode:
        raise SystemdFailed(f"systemctl {arguments[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _properties(block: str) -> dict[str, str]:
    return _pairs(line.partition("=") for line in block.splitlines())


def _pairs(lines: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    return {name: value for name, found, value in lines if found}


def _unit(told: Mapping[str, str]) -> Unit:
    used = told.get("CPUUsageNSec", "")
    return Unit(
        active=told.get("ActiveState", ""),
        sub=told.get("SubState", ""),
        restarts=int(told.get("NRestarts") or 0),
        status=told.get("ExecMainStatus", ""),
        result=told.get("Result", ""),
        cpu_s=int(used) / 1e9 if used.isdigit() and int(used) < 1 << 63 else None,
    )
