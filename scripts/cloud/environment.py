"""What the cloud runs on: Debian's database and broker, and a virtual environment made once per lock file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.cloud.errors import CloudError
from scripts.cloud.stack import ROOT
from scripts.setup import CLOUD, uv_settings

_KEPT_S = 14 * 86400.0
LOCK = ROOT / "requirements" / "openstack.txt"


def cache() -> Path:
    """Where environments and databases are kept between clouds; ``ALMANAC_CLOUD_CACHE`` names another place."""
    return Path(os.environ.get("ALMANAC_CLOUD_CACHE") or ROOT / ".openstack" / "cache")


def missing() -> list[str]:
    """Debian packages that this machine lacks."""
    return [package for package, paths in CLOUD.items() if not all(Path(path).exists() for path in paths)]


def check() -> None:
    """Refuse a machine that can't run the cloud.

    Raises:
        CloudError: packages are missing.
    """
    if lacking := missing():
        raise CloudError(
            f"This machine lacks {' and '.join(lacking)}. With root (and Debian or Ubuntu), `make openstack` installs them; "
            f"else ask an administrator for: apt-get install --no-install-recommends {' '.join(lacking)}"
        )


def digest() -> str:
    """Changes when the environment must be made anew."""
    return hashlib.sha256(f"{sys.version_info[:2]}\n{LOCK.read_text()}".encode()).hexdigest()[:12]


def venv() -> Path:
    """Where the environment of the present lock file lies, made or not."""
    return cache() / f"venv-{digest()}"


def make_venv() -> Path:
    """The environment, made unless it is there.

    Raises:
        CloudError: packages can't be installed.
    """
    place = venv()
    if not (place / "bin" / "python").exists():  # the Python that it was made with has gone
        (place / "made").unlink(missing_ok=True)
    with once(place) as wanted:
        if wanted:
            _install(place)
            (place / "made").touch()
    return place


@contextmanager
def once(place: Path) -> Iterator[bool]:
    """Whether something in the cache must still be made: by us alone, from nothing; it is made when it has ``made``."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if (place / "made").exists():
        (place / "made").touch()
        yield False
        return
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = not (place / "made").exists()
        if wanted:
            shutil.rmtree(place, ignore_errors=True)
            _forget_old(place)
        yield wanted


def _forget_old(place: Path) -> None:
    """Remove what has come before this and wasn't used for a while."""
    kind = place.name.partition("-")[0]
    for made in place.parent.glob(f"{kind}-*/made"):
        if time.time() - made.stat().st_mtime > _KEPT_S:
            shutil.rmtree(made.parent, ignore_errors=True)


def _install(place: Path) -> None:
    log = place.with_name("install.log")
    uv = next((str(path) for path in (ROOT / ".venv/bin/uv", _which("uv")) if path and path.exists()), None)
    run, python = _logged(log), str(place / "bin" / "python")
    if uv:
        run([uv, "venv", "--quiet", "--python", sys.executable, str(place)])
        run([uv, "pip", "install", "--no-deps", "--require-hashes", "--python", python, "-r", str(LOCK)])
    else:
        run([sys.executable, "-m", "venv", str(place)])
        run([python, "-m", "pip", "install", "--no-compile", "--no-deps", "--require-hashes", "-r", str(LOCK)])
    _compile(place)


def _compile(place: Path) -> None:
    """Compile the packages, but for their tests, which are two fifths. What can't be compiled may stay as it is."""
    packages = [str(path) for path in place.glob("lib/python3*/site-packages")]
    command = [str(place / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", "-x", r"/tests/", *packages]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _which(name: str) -> Path | None:
    path = shutil.which(name)
    return Path(path) if path else None


def _logged(log: Path) -> Callable[[list[str]], None]:
    """A runner of commands that writes what they say to the log."""
    log.write_text("")

    def run(command: list[str]) -> None:
        with log.open("a") as output:
            status = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **uv_settings()}
            )
        if status:
            last = "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-12:])
            raise CloudError(
                f"OpenStack's packages can't be installed. Is there a network?\n{last}\n    (all of it: {log})"
            )

    return run
