"""The whole of Almanac in a few minutes: ``make demo``.

Starts an Almanac of its own, books a Spark platform for now, maps the Gaia sky on it (a real sample, and millions of generated
stars), holds every answer against numpy, gives the platform back, and makes sure that nothing is left running. A client like
any other: it uses the command line and the Python client.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from almanac.client import Client, Platform, book
from almanac.client import credentials as stored
from almanac.core.errors import AlmanacError
from almanac.gaia import cases, sky
from almanac.gaia.errors import GaiaError, WrongAnswerError
from almanac.gaia.generate import Recipe, generate, is_made
from almanac.gaia.sample import SAMPLE
from almanac.gaia.skymap import SkyMap

ROWS = 5_000_000
PROFILE = "spark-small"
READY_S = 300.0
"""The longest that a platform may take to be ready."""
ANSWERS_S = 900.0
"""The longest that all questions together may take."""
LATER_S = 10.0
"""How long processes may take to be gone after Almanac is down."""


class DemoError(Exception):
    """What went wrong, in one sentence."""


@dataclass(frozen=True, slots=True)
class Stars:
    """A data set: its name in files, its name for people, and where clusters read it."""

    name: str
    title: str
    path: Path


@dataclass(slots=True)
class Outcome:
    """What is told at the end: ``(what, seconds, remark)`` in the order in which they happened."""

    times: list[tuple[str, float, str]] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)


class Demo:
    """One run of the demo.

    Args:
        output: where pictures, generated stars and this Almanac's state go.
        rows: how many stars to generate.
        console: where to tell.
    """

    def __init__(self, output: Path, rows: int, console: Console) -> None:
        self.output, self.console = output.absolute(), console
        self.state = self.output / "state"
        self.recipe = Recipe(rows)
        self.outcome = Outcome()
        os.environ.update(ALMANAC_STATE=str(self.state), ALMANAC_CONFIG=str(self.output / "credentials.toml"))
        for name in ("ALMANAC_URL", "ALMANAC_TOKEN", "ALMANAC_DATABASE", "ALMANAC_HOST", "ALMANAC_PORT"):
            os.environ.pop(name, None)

    def run(self) -> None:
        """Everything, from start to the last process gone.

        Raises:
            DemoError: Almanac couldn't be started or stopped, or left processes.
            AlmanacError: what Almanac refused.
            GaiaError: the stars couldn't be made or read.
            WrongAnswerError: Spark's answer isn't numpy's.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        generated = self._generate()
        self._clear()
        try:
            client = self._start()
            stars = self._share(generated)
            self._use(client, stars)
        finally:
            with undisturbed():
                self._stop()
        self._tell()

    def _generate(self) -> Path:
        directory = self.output / "stars"
        if is_made(directory, self.recipe):
            self._say(f"{self.recipe.rows:,} generated Gaia-like stars are there already")
            return directory
        shutil.rmtree(directory, ignore_errors=True)
        began = time.perf_counter()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task("Generating Gaia-like stars", total=self.recipe.rows)
            generate(directory, self.recipe, progress=lambda rows: progress.advance(task, rows))
        self._say(f"Generated {self.recipe.rows:,} Gaia-like stars in {time.perf_counter() - began:.1f} s")
        return directory

    def _clear(self) -> None:
        """End what a demo left that was killed, then forget its state."""
        if processes_of(self.state):
            self._say("Ending what an earlier demo left running")
            self._end_all()
        shutil.rmtree(self.state, ignore_errors=True)

    def _start(self) -> Client:
        with self.console.status("Starting Almanac"):
            began = time.perf_counter()
            told = json.loads(self._almanac("up", "--port", "0", "--json"))
        url = str(told["url"])
        self._say(f"Almanac is up at {url} ({time.perf_counter() - began:.1f} s)")
        return Client(url, stored.load().servers[url].token)

    def _share(self, generated: Path) -> tuple[Stars, ...]:
        """Put the stars where every cluster of the local site reads them; links, where the file system has them."""
        shared = self.state / "local" / "shared"
        shutil.copytree(generated, shared / "stars", copy_function=_link)
        _link(SAMPLE, shared / "sample.parquet")
        return (
            Stars("sample", "a real sample of Gaia DR3", shared / "sample.parquet"),
            Stars("generated", f"{self.recipe.rows:,} generated stars", shared / "stars"),
        )

    def _use(self, client: Client, data: tuple[Stars, ...]) -> None:
        """Book, ask, release. When something fails, the end of Almanac is what releases: a broken cluster may not answer."""
        asked = time.perf_counter()
        platform = book(PROFILE, hours=1, title="The sky of Gaia", client=client, wait=False)
        with within(
            READY_S, f"{platform.id} wasn't ready after {READY_S:.0f} s; see {self.state / 'log' / 'server.log'}"
        ):
            platform.wait()
        ready, booking = time.perf_counter(), platform.booking
        self._note("asked to ready", ready - asked, f"{booking.profile} at {booking.site}, {booking.workers} workers")
        with within(ANSWERS_S, f"{platform.id} didn't answer everything in {ANSWERS_S:.0f} s"):
            with self.console.status("The first question"):
                stars = platform.spark.read.parquet(data[0].path.as_uri()).count()
            self._note("ready to first result", time.perf_counter() - ready, f"a session, and {stars:,} stars counted")
            for each in data:
                for case in cases.CASES:
                    self._map(platform, each, case)
            platform.release()

    def _map(self, platform: Platform, stars: Stars, case: cases.Case) -> None:
        """One science case on one data set: asked of Spark, held against numpy, drawn."""
        with self.console.status(f"{case.title}: {stars.title}"):
            began = time.perf_counter()
            answer = cases.answer(case, platform.spark.read.parquet(stars.path.as_uri()))
            seconds = time.perf_counter() - began
            agreement = cases.check(answer, cases.reference(case, stars.path))
            self._draw(answer, stars, case)
        what = f"{case.name.replace('-', ' ')}, {stars.name}"
        self._note(what, seconds, f"{agreement.stars:,} stars, {agreement.pixels:,} pixels: equal to numpy's")

    def _draw(self, answer: SkyMap, stars: Stars, case: cases.Case) -> None:
        draw = sky.draw_proper_motions if case.columns else sky.draw_counts
        path = self.output / f"{case.name}-{stars.name}.png"
        self.outcome.pictures.append(draw(answer, path, title=f"{case.title}: {stars.title}"))

    def _stop(self) -> None:
        """Release, end Almanac, and see that no process is left."""
        began = time.perf_counter()
        with self.console.status("Giving everything back"):
            self._end_all()
        self._say(f"Given back; Almanac is down and left no process ({time.perf_counter() - began:.1f} s)")

    def _end_all(self) -> None:
        """Stop this Almanac and its clusters.

        Its server may have been killed, or may only just be starting: one that is up takes its clusters back before it ends them.

        Raises:
            DemoError: processes are left all the same.
        """
        self._almanac("down", "--release")
        if self._left():
            self._almanac("up", "--port", "0", "--json")
            self._almanac("down", "--release")
        if left := self._left():
            names = ", ".join(f"{process.pid} ({process.name()})" for process in left)
            raise DemoError(f"Almanac is down, but these processes are left: {names}. Please report this as a defect.")

    def _left(self) -> list[psutil.Process]:
        """Processes that are still there after a while."""
        end_by = time.monotonic() + LATER_S
        while (left := processes_of(self.state)) and time.monotonic() < end_by:
            time.sleep(0.2)
        return left

    def _almanac(self, *arguments: str) -> str:
        """Run an ``almanac`` command, out of reach of this terminal's Ctrl-C; what it printed."""
        command = [sys.executable, "-m", "almanac.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
        if done.returncode:
            raise DemoError(f"almanac {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _note(self, what: str, seconds: float, remark: str) -> None:
        self.outcome.times.append((what, seconds, remark))
        self._say(f"{what}: {seconds:.1f} s  [dim]{remark}[/]")

    def _say(self, text: str) -> None:
        self.console.print(f"[green]\N{CHECK MARK}[/] {text}", highlight=False, soft_wrap=True)

    def _tell(self) -> None:
        table = Table("Times", "seconds", box=None, padding=(0, 2, 0, 0))
        table.columns[1].justify = "right"
        for what, seconds, _ in self.outcome.times:
            table.add_row(what, f"{seconds:.1f}")
        self.console.print()
        self.console.print(table)
        self.console.print("\n[bold]Sky maps[/]")
        for picture in self.outcome.pictures:
            self.console.print(f"  {_near(picture)}", highlight=False, soft_wrap=True)
        times = [
            {"what": what, "seconds": round(seconds, 3), "remark": remark}
            for what, seconds, remark in self.outcome.times
        ]
        (self.output / "times.json").write_text(json.dumps(times, indent=1) + "\n")


def processes_of(state: Path) -> list[psutil.Process]:
    """Live processes of an Almanac on this state directory: its server, its clusters and what they started."""
    try:
        instance = (state / "local" / "instance").read_text().strip()
    except OSError:
        instance = ""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _belongs(p, str(state), instance)]


def _belongs(process: psutil.Process, state: str, instance: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        environment = process.environ()
        ours = environment.get("ALMANAC_STATE") == state or any(state in word for word in process.cmdline())
        return ours or bool(instance and environment.get("ALMANAC_TAG", "").startswith(f"{instance}/"))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


@contextmanager
def within(seconds: float, otherwise: str) -> Iterator[None]:
    """Let something take so long and no longer.

    Raises:
        DemoError: it took longer; ``otherwise`` says what that means.
    """

    def over(*_: object) -> None:
        raise DemoError(otherwise)

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Don't let another Ctrl-C stop the tidying up."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _link(source: str | Path, target: str | Path) -> None:
    """A second name for a file, readable by all; a copy where that can't be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    with_all = Path(target)
    with_all.chmod(with_all.stat().st_mode | 0o444)


def _near(path: Path) -> Path:
    """The path as short as it can be said from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Run the demo; 0 when everything went right, 1 with a sentence when something didn't, 130 when interrupted."""
    from pyspark.errors import PySparkException

    parser = argparse.ArgumentParser(prog="almanac.demo", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="where pictures and state go (demo-output)"
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="stars to generate (5000000)")
    arguments = parser.parse_args(argv)
    console = Console(stderr=False)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where the shell has told its background jobs to ignore them
        signal.signal(number, _interrupt)
    try:
        Demo(arguments.output, arguments.rows, console).run()
    except KeyboardInterrupt:
        console.print("Interrupted; everything was given back.")
        return 130
    except (DemoError, AlmanacError, GaiaError, WrongAnswerError, PySparkException, OSError) as error:
        hint = f" {error.hint}" if isinstance(error, AlmanacError) and error.hint else ""
        text = error.message if isinstance(error, AlmanacError) else str(error)
        console.print(f"[bold red]The demo failed:[/] {text}{hint}", highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # an exit would wait for threads of the Spark client, which try a server that is gone for minutes
