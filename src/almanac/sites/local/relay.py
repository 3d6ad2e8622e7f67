"""Connections from the machine's loopback into a cluster's closed network, passed on by a program made for it.

The relay takes a listening socket as its standard input. It runs as a user of its own: whoever holds a socket that was
accepted on that listener holds one of the machine's network, so a cluster's own processes must never get at it. Standard
library only: the keeper loads this module.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

_NOBODY = 65534
_PROXYD = Path("/lib/systemd/systemd-socket-proxyd")
WITH_KEEPER = ("--pdeathsig", "KILL")
"""An option of setpriv: what it runs is killed when its keeper dies, where no namespace sees to that."""
_AS_LISTEN_FD = 'exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"'


def find_program() -> str:
    """The relay program of this machine; empty when there is none."""
    return str(_PROXYD) if _PROXYD.exists() else shutil.which("socat") or ""


def service(program: str, endpoint: str, port: int) -> dict[str, Any]:
    """The relay of one endpoint as a service.

    Args:
        program: from ``find_program``.
        endpoint: what it leads to, such as ``connect``.
        port: on the cluster's own loopback.
    """
    if program.endswith("socat"):
        argv = [program, "-t3600", "ACCEPT-FD:0,fork", f"TCP4:127.0.0.1:{port}"]
    else:
        argv = ["/bin/sh", "-c", _AS_LISTEN_FD, program, "--connections-max=4096", f"127.0.0.1:{port}"]
    nothing: dict[str, Any] = {
        "files": [],
        "dirs": [],
        "ports": {},
        "ready": None,
        "after": [],
        "cwd": "/",
        "once": False,
    }
    return nothing | {"name": f"relay {endpoint}", "argv": argv, "env": {"PATH": "/usr/bin:/bin"}}


def drop_to(uid: int) -> list[str]:
    """The beginning of a command line that runs the rest as a uid without any privilege."""
    who = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return ["setpriv", *WITH_KEEPER, *who, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"]


def relay_user() -> list[str]:
    """The beginning of a relay's command line."""
    return drop_to(_NOBODY)
