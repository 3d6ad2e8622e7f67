"""What services run with: Java, Python with Spark and JupyterLab, and the part of Almanac that they import.

A baked image has all of it (see ``docs/how-to/bake-an-image.md``); what is missing is installed from the distribution's and
Python's packages. Every path is the same on every machine: ``java``, ``venv``, ``spark``, ``conf`` and ``package`` in one
directory, some of them links.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

OLDEST_JAVA, OLDEST_PYTHON = 17, 11
_JAVAS = {
    "apt-get": ("openjdk-17-jre-headless", "openjdk-21-jre-headless"),
    "dnf": ("java-17-openjdk-headless", "java-21-openjdk-headless"),
}
_PYTHONS = {
    "apt-get": (("python3-venv",), ("python3.12", "python3.12-venv"), ("python3.11", "python3.11-venv")),
    "dnf": (("python3.12",), ("python3.11",)),
}
_MOUNTERS = {
    "nfs": {"apt-get": "nfs-common", "dnf": "nfs-utils"},
    "ceph": {"apt-get": "ceph-common", "dnf": "ceph-common"},
}
"""What brings ``mount.nfs`` and ``mount.ceph``."""
_EXPORTERS = {
    "apt-get": ("prometheus-node-exporter",),
    "dnf": ("node-exporter", "golang-github-prometheus-node-exporter"),
}
_INSTALL = {
    "apt-get": ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends"),
    "dnf": ("dnf", "-q", "-y", "install", "--setopt=install_weak_deps=False"),
}
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
_PLENTY_S = 1800
Say = Callable[[str], None]


class CantInstall(Exception):
    """Something is missing and can't be had; the message says what, and what would help."""


class Runtime:
    """Everything below one directory.

    Args:
        opt: the directory, such as ``/opt/almanac``.
        say: told what is being done, in words.
    """

    def __init__(self, opt: Path, say: Say = lambda _: None) -> None:
        self._opt = opt
        self._say = say

    def has(self, digest: str) -> bool:
        """Whether this package of Almanac is here."""
        package = self._opt / "package"
        return package.is_symlink() and package.readlink().name == f"package-{digest}"

    def unpack(self, archive: BinaryIO, digest: str) -> None:
        """Put a package of Almanac in place: readable by all, and all at once."""
        self._opt.mkdir(mode=0o755, parents=True, exist_ok=True)
        there = self._opt / f"package-{digest}"
        with tempfile.TemporaryDirectory(dir=self._opt, prefix=".package-") as aside:
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(aside)
            _readable(Path(aside))
            shutil.rmtree(there, ignore_errors=True)
            Path(aside).replace(there)
            Path(aside).mkdir()  # for its context to remove
        self._link("package", there.name)
        for other in self._opt.glob("package-*"):
            if other != there:
                shutil.rmtree(other, ignore_errors=True)

    def complete(self) -> None:
        """Find or install what a package's services need.

        Raises:
            CantInstall: see there.
        """
        (self._opt / "conf").mkdir(mode=0o755, parents=True, exist_ok=True)
        if not (self._opt / "java/bin/java").exists():
            self._link("java", str(self._java()))
        wanted = "".join((self._opt / "package" / name).read_text() for name in ("requirements.txt", "constraints.txt"))
        stamp = self._opt / "venv" / ".almanac"
        if not stamp.exists() or stamp.read_text() != wanted:
            self._install_python()
            stamp.write_text(wanted)
        spark = next((self._opt / "venv/lib").glob("python3*/site-packages/pyspark"), None)
        if spark is None:
            raise CantInstall("pyspark is not in the virtual environment; remove it, and it is made anew.")
        self._link("spark", str(spark.relative_to(self._opt)))

    def _java(self) -> Path:
        found = _newest_java()
        if found is None:
            self._say("Installing Java.")
            _packages([(name,) for name in _JAVAS.get(_manager(), ())])
            found = _newest_java()
        if found is None:
            raise CantInstall(f"This image has no Java {OLDEST_JAVA} or newer, and none could be installed.")
        return found

    def _install_python(self) -> None:
        venv, package = self._opt / "venv", self._opt / "package"
        python = venv / "bin/python"
        if not _works(python):
            shutil.rmtree(venv, ignore_errors=True)
            _do([self._python(), "-m", "venv", str(venv)], "make a virtual environment")
        self._say("Installing Spark and JupyterLab.")
        pinned = ("-r", str(package / "requirements.txt"), "-c", str(package / "constraints.txt"))
        _do([str(python), *_PIP, *pinned], "install Spark and JupyterLab")

    def _python(self) -> str:
        found, choices = _newest_python(), iter(_PYTHONS.get(_manager(), ()))
        while found is None and (names := next(choices, None)):
            self._say("Installing Python.")
            _packages([names])
            found = _newest_python()
        if found is None:
            raise CantInstall(
                f"This image has no Python 3.{OLDEST_PYTHON} or newer with venv, and none could be installed."
            )
        return found

    def _link(self, name: str, target: str) -> None:
        link, aside = self._opt / name, self._opt / f".{name}.new"
        if link.is_symlink() and str(link.readlink()) == target:
            return
        aside.unlink(missing_ok=True)
        aside.symlink_to(target)
        aside.replace(link)


def ensure_mounter(kind: str) -> None:
    """Make sure that this machine can mount a kind of file system over the network.

    Raises:
        CantInstall: its helper isn't there and can't be installed.
    """
    if kind not in _MOUNTERS or shutil.which(f"mount.{kind}"):
        return
    package = _MOUNTERS[kind].get(_manager(), "")
    _packages([(package,)] if package else [])
    if not shutil.which(f"mount.{kind}"):
        what = f"the package {package}" if package else "its package"
        raise CantInstall(f"this image has no mount.{kind}, and {what} could not be installed")


def install_exporter() -> None:
    """Install Prometheus' node exporter, if the distribution has it; its own service, open to all, is never started."""
    _quietly(["systemctl", "mask", "prometheus-node-exporter.service"])  # Debian starts what it installs
    _packages([(name,) for name in _EXPORTERS.get(_manager(), ())])


def ensure_user(name: str) -> None:
    """Make the user of services, unless there is one: without a shell, a password or a home of its own."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        shell = "/usr/sbin/nologin"
        _do(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/var/lib/almanac", "--shell", shell, name],
            f"make the user {name}")  # fmt: skip


def _packages(choices: Sequence[Sequence[str]]) -> None:
    """Install the first choice that the distribution has; none is no error here."""
    manager = _manager()
    if manager == "apt-get":
        _quietly(["apt-get", "-q", "update"])
    for names in choices:
        if manager and _quietly([*_INSTALL[manager], *names]):
            return


def _manager() -> str:
    return next((name for name in _INSTALL if shutil.which(name)), "")


def _newest_java() -> Path | None:
    homes = [Path(java).resolve().parents[1] for java in [shutil.which("java")] if java]
    homes += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    return next((home for home in homes if _java_version(home) >= OLDEST_JAVA), None)


def _java_version(home: Path) -> int:
    try:
        told = subprocess.run([home / "bin/java", "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', told.stderr)
    return int(found[1]) if found else 0


def _newest_python() -> str | None:
    names = [*(f"python3.{minor}" for minor in range(14, OLDEST_PYTHON - 1, -1)), "python3"]
    return next((path for path in map(shutil.which, names) if path and _works(Path(path))), None)


def _works(python: Path) -> bool:
    """Whether it is new enough and can make virtual environments with pip."""
    check = f"import sys, venv, ensurepip; sys.exit(sys.version_info < (3, {OLDEST_PYTHON}))"
    return python.exists() and _quietly([str(python), "-I", "-c", check])


def _quietly(command: Sequence[str]) -> bool:
    return _run(command)[0] == 0


def _do(command: Sequence[str], what: str) -> None:
    status, said = _run(command)
    if status:
        raise CantInstall(f"This machine couldn't {what}: {said.splitlines()[-1][:300] if said else status}")


def _run(command: Sequence[str]) -> tuple[int, str]:
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", **proxies}
    try:
        done = subprocess.run(
            command,
            env={**environment, **quiet},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PLENTY_S,
            umask=0o022,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout.strip()


def _readable(directory: Path) -> None:
    """Let every user look into it, whatever the umask was."""
    for path in _all(directory):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _all(directory: Path) -> Iterator[Path]:
    yield directory
    yield from directory.rglob("*")
