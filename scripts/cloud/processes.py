"""The cloud's processes: started with a mark in their environment, found again by it, and ended for certain.

A mark outlives what a list of process ids does not: a start that was killed half-way, an id used again, and daemons that
leave their group (Erlang's epmd does).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.cloud.errors import CloudError
from scripts.cloud.stack import Stack

INSIDE = Path(__file__).parent / "inside"
_MARK = "ALMANAC_CLOUD"
_SERVICE = "ALMANAC_CLOUD_SERVICE"
_ENDED_WITHIN_S = 20.0
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def start(stack: Stack, name: str, command: Sequence[str], extra: Mapping[str, str] | None = None) -> None:
    """Start a service in a session of its own, its output in ``log/NAME.out``."""
    with (stack.log / f"{name}.out").open("ab") as log:
        subprocess.run(
            ["setsid", "--fork", *command],  # nobody's child: who starts it may go, and needn't reap it
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
            cwd=stack.state,
            env={**_environment(stack), _SERVICE: name, **(extra or {})},
        )


def run(stack: Stack, *command: str, extra: Mapping[str, str] | None = None) -> None:
    """Run a command to its end, its output in ``log/commands.out``.

    Raises:
        CloudError: it failed.
    """
    with (stack.log / "commands.out").open("a+") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        environment = {**_environment(stack), _SERVICE: "command", **(extra or {})}
        status = subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=stack.state, env=environment
        )
    if status:
        name = " ".join(Path(part).name for part in command[:4])
        raise CloudError(f"`{name} ...` failed:\n{tail(stack, 'commands')}")


def found(stack: Stack, name: str | None = None) -> dict[int, str]:
    """The living processes of the cloud, or of one of its services: their services by process id."""
    mine: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            service = _service_of(int(entry.name), stack.mark)
            if service and name in (None, service):
                mine[int(entry.name)] = service
    mine.pop(os.getpid(), None)
    return mine


def alive(stack: Stack, name: str) -> bool:
    """Whether a service has a process."""
    return not _gone(stack, name)


def end(stack: Stack, name: str | None = None, how: signal.Signals = signal.SIGKILL) -> None:
    """End every process of the cloud, or of one of its services, and wait until they are gone.

    Raises:
        CloudError: some don't end.
    """
    deadline = time.monotonic() + _ENDED_WITHIN_S
    while not _gone(stack, name):
        remaining = found(stack, name)
        if time.monotonic() > deadline:
            raise CloudError(f"These processes don't end: {remaining}")
        for process in remaining:
            _signal(process, stack.mark, how)
        time.sleep(0.05)


def tail(stack: Stack, name: str, lines: int = 12) -> str:
    """The last lines that a service wrote."""
    path = stack.log / f"{name}.out"
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join(f"    {line[:300]}" for line in text.splitlines()[-lines:]) + f"\n    (all of it: {path})"


def _gone(stack: Stack, name: str | None) -> bool:
    """Whether nothing is found, three times over: a process that is just replacing its program shows no environment."""
    for _ in range(3):
        if found(stack, name):
            return False
        time.sleep(0.05)
    return True


def _environment(stack: Stack) -> dict[str, str]:
    """What every process gets: nothing of ours but the mark, and where its configuration is."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    wheres = {f"OS_{name.upper()}_CONFIG_DIR": str(stack.etc / name) for name in ("keystone", "placement", "glance")}
    wheres |= {f"OS_{name.upper()}_CONFIG_DIR": str(stack.etc / name) for name in ("nova", "neutron", "blazar")}
    return {
        **kept,
        **wheres,
        _MARK: stack.mark,
        "PATH": f"{stack.venv / 'bin'}:{kept.get('PATH', '')}:/usr/sbin:/sbin",
        "PYTHONPATH": f"{INSIDE}:{stack.etc / 'plugins'}",
        "XDG_CACHE_HOME": str(stack.data / "cache"),
        "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
        "SPT_NOENV": "1",  # else setproctitle writes over the environment, and with it the mark
        "MALLOC_ARENA_MAX": "2",
    }


def _service_of(process: int, mark: str) -> str | None:
    """The service that a process belongs to; None when it isn't the cloud's (or nobody's any more)."""
    with suppress(OSError):
        variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        if f"{_MARK}={mark}".encode() in variables:
            prefix = f"{_SERVICE}=".encode()
            return next((v.removeprefix(prefix).decode() for v in variables if v.startswith(prefix)), "start")
    return None


def _signal(process: int, mark: str, how: signal.Signals) -> None:
    """Signal a process, unless its id has gone to another meanwhile."""
    with suppress(ProcessLookupError):
        exact = os.pidfd_open(process)
        try:
            if _service_of(process, mark):
                signal.pidfd_send_signal(exact, how)
        finally:
            os.close(exact)
