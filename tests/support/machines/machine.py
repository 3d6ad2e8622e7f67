"""One machine: systemd as the first process of namespaces of its own, cloud-init, and what they start."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.support.machines import cgroups, image, runs
from tests.support.machines.image import Image
from tests.support.machines.shell import ToolFailed, run

_JOIN = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit; shift; done; shift; exec "$@"'
_PATIENCE = 30.0
_ASK_PATIENCE = 300.0
_REBOOT = 133
"""With this status nspawn asks who started it to start it again."""


class Machine:
    """A machine with a disk that survives its reboots.

    Args:
        run_name: the run that it belongs to.
        port: its name in the run, and its end at the bridge.
        hostname: what it is called.
        namespace: path of the network namespace that it is in.
        memory_mib: how much memory it has.
    """

    def __init__(self, run_name: str, port: str, hostname: str, namespace: str, memory_mib: int) -> None:
        self.port = port
        self.hostname = hostname
        self._namespace = namespace
        self._name = f"alm-{run_name}-{port}"
        self._group = f"{run_name}/{port}"
        self._disk = runs.directory(run_name) / port
        self._process: subprocess.Popen[bytes] | None = None
        self._memory_mib = memory_mib
        self._image = Image()

    def install(self, like: Image, instance: str, user_data: bytes) -> None:
        """Put the image on the disk, with what the cloud has to say at first boot."""
        self._image = like
        image.seed(like.make(self._disk), instance, self.hostname, user_data)

    def power_on(self) -> None:
        """Boot; returns before it is up."""
        join = map(str, cgroups.make(self._group, self._memory_mib))
        command = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", _JOIN, "sh", *join, "--", *self._nspawn()]
        with (self._disk / "console.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _nspawn(self) -> list[str]:
        return [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--console=pipe",
            f"--directory={self._disk / 'root'}",
            f"--machine={self._name}",
            f"--hostname={self.hostname}",
            f"--network-namespace-path={self._namespace}",
            *self._image.options(),
        ]

    @property
    def is_on(self) -> bool:
        """Whether it runs, or boots."""
        return self._process is not None and self._process.poll() is None

    def ask(self, *command: str, given: str = "") -> str:
        """Run a command on the machine as root; returns what it said.

        Raises:
            ToolFailed: it ended with an error, or the machine is off.
        """
        return run(
            "nsenter",
            "--target",
            str(self._first_process()),
            "--all",
            "--",
            *command,
            given=given,
            patience=_ASK_PATIENCE,
        )

    def is_up(self) -> bool:
        """Whether its boot is over, cloud-init's part included."""
        try:
            return self.ask("systemctl", "is-system-running", "--wait").strip() == "running"
        except ToolFailed:
            return False

    def told(self, lines: int = 60) -> str:
        """The end of its journal."""
        journal = self._disk / "changes/var/log/journal"
        return run("journalctl", "--no-pager", f"--lines={lines}", f"--directory={journal}") if journal.exists() else ""

    def reboot(self) -> None:
        """As an administrator would: units are stopped in order, then it boots again; returns before it is up."""
        assert self._process is not None
        self.ask("systemctl", "--no-block", "reboot")
        status = self._process.wait(_PATIENCE)
        assert status == _REBOOT, f"{self.hostname} ended with {status}"
        self.power_on()

    def power_off(self) -> None:
        """Press the button, and wait until it is off."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_PATIENCE)
        self.kill()

    def kill(self) -> None:
        """Pull the plug: every process ends at once, the disk stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE)
        cgroups.end(self._group)

    def scrap(self) -> None:
        """Kill it and throw the disk away."""
        self.kill()
        run("umount", "--lazy", str(self._disk / "root"))
        propagated = Path("/run/systemd/nspawn/propagate") / self._name
        if propagated.exists():
            propagated.rmdir()
        run("rm", "--recursive", "--force", "--one-file-system", str(self._disk))

    def _first_process(self) -> int:
        """This host's id of the machine's first process; 0 while there is none."""
        if self._process is None:
            return 0
        pid = self._process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return next((int(child) for child in children if Path(f"/proc/{child}/comm").read_text() == "systemd\n"), 0)
        except FileNotFoundError:
            return 0
