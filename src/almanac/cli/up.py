"""The server on this machine: ``up``, ``down``, ``status``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.accounts import sign_in
from almanac.cli.booking import show_bookings
from almanac.cli.options import Json, State, command
from almanac.core.errors import AlmanacError

if TYPE_CHECKING:
    from almanac.client.client import Client
    from almanac.client.models import Booking, Health
    from almanac.server.files import Running, StateFiles

PANEL = "Server"
START_PATIENCE_S = 120.0
STOP_PATIENCE_S = 60.0
RELEASE_PATIENCE_S = 360.0
LOOK_EVERY_S = 0.1


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "up", example="almanac up --port 8484", panel=PANEL)(up)
    command(app, "down", example="almanac down --release", panel=PANEL)(down)
    command(app, "status", example="almanac status", panel=PANEL)(status)


def up(
    state: State = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen at; loopback if not given.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="8484; 0 takes any free one.")] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="PostgreSQL URL (better: $ALMANAC_DATABASE); SQLite if not given.")
    ] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay in this terminal.")] = False,
    no_sign_in: Annotated[
        bool, typer.Option("--no-sign-in", help="Print the first start's one-time token; don't sign in with it.")
    ] = False,
    json: Json = False,
) -> None:
    """Start Almanac on this machine. At its first start, this terminal is signed in as its operator."""
    if database:
        os.environ["ALMANAC_DATABASE"] = database  # not an argument of the server: those are for all to see
    files = _files(state)
    given = [("--state", str(files.state)), ("--host", host), ("--port", None if port is None else str(port))]
    arguments = [part for name, value in given if value is not None for part in (name, value)]
    if foreground:
        _serve_here(files, arguments)
        return
    before, running = files.last_url(), files.running()
    started = running is None
    running = _listening(files) if running else _start(files, arguments)
    _tell_up(files, running, started=started, before=before, no_sign_in=no_sign_in, json=json)


def _tell_up(
    files: StateFiles, running: Running, *, started: bool, before: str | None, no_sign_in: bool, json: bool
) -> None:
    url = running.url or ""
    token = files.take_first_token()
    person = _signed_in(url, before) if token is None or no_sign_in else sign_in(url, token).person
    entrance, trouble = _entrance(url)
    link = _browser_link(url, entrance, person) if token is not None and person is not None else None
    if json:
        one_time = {"one_time_token": token} if no_sign_in else {}
        told = {"url": url, "entrance": entrance, "pid": running.pid, "started": started, "person": person}
        output.as_json({**told, "browser_link": link, **one_time})
        return
    output.say(f"Almanac is up at {url}" if started else f"Almanac is already up at {url}", style="green")
    if trouble:
        output.note(trouble, style="yellow")
    elif entrance != url:
        output.say(f"In a browser: {entrance} (the front door, also to notebooks and Spark)")
    if token is not None and no_sign_in:
        where = f"almanac login {url}, or in a browser at {entrance}/sign-in/link"
        output.note(f"Sign in as its operator with this one-time token: {where}")
        output.plain(token)
    elif token is not None:
        from almanac.client.credentials import credentials_path

        output.say(f"You are signed in as {person}, its operator; the token is in {credentials_path()}.")
        output.say("In a browser, sign in with this link; it works once:")
        output.plain(link or "")
    elif person is None:
        output.say(f"You are not signed in here. With a one-time token from an operator: almanac login {url}")
    output.say("What next: almanac profiles, almanac free PROFILE --for 2h, almanac book PROFILE --for 2h --wait")


def _entrance(url: str) -> tuple[str, str]:
    """Where a browser goes, and why that isn't the front door that there should be (empty if nothing is wrong)."""
    from almanac.client.client import Client
    from almanac.client.errors import ClientError

    try:
        with Client(url) as client:
            door = client.health().door
    except ClientError as error:
        return url, str(error)
    if door is None or door["trouble"]:
        return url, door["trouble"] if door else ""
    return door["url"], ""


def _browser_link(url: str, entrance: str, person: str) -> str:
    """A link that lets a browser in once; its token is in the fragment, which browsers keep from servers and logs."""
    from almanac.client.client import Client

    with Client(url) as client:
        return f"{entrance}/sign-in/link#{client.admin.invite(person).one_time_token}"


def _signed_in(url: str, before: str | None) -> str | None:
    """Who this terminal is at the server; a server that has moved to another port is still the same."""
    from almanac.client.client import Client
    from almanac.client.credentials import load, save
    from almanac.client.errors import ClientError

    stored = load()
    if url not in stored.servers and before in stored.servers:
        stored = stored.signed_out(before).signed_in(url, stored.servers[before])
        save(stored)
    try:
        with Client(url) as client:
            return client.me().person if client.signed_in else None
    except ClientError:
        return None


def _files(state: Path | None) -> StateFiles:
    from almanac.server.files import StateFiles

    named = state or os.environ.get("ALMANAC_STATE")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return StateFiles(Path(named or f"{home}/almanac").expanduser().absolute())


def _serve_here(files: StateFiles, arguments: list[str]) -> None:
    from almanac.server.__main__ import main

    output.note(f"At its first start, the operator's one-time token is in {files.first_token}: almanac login")
    code = main(arguments)
    if code:
        raise typer.Exit(code)


def _start(files: StateFiles, arguments: list[str]) -> Running:
    """Start the server in a session of its own and wait until it answers."""
    files.prepare()
    handle = os.open(files.start_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as said:
        server = subprocess.Popen(
            [sys.executable, "-m", "almanac.server", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=files.state,
            env=_environment(),
            start_new_session=True,
        )
    with _waiting("starting Almanac ...") as look:
        for _ in look(START_PATIENCE_S):
            running = files.running()
            if running is not None and running.pid == server.pid and running.url and _answers(running.url):
                return running
            if server.poll() is not None:
                raise _could_not_start(files)
    server.terminate()
    raise AlmanacError("Almanac didn't start in time.", hint=f"See {files.log} and {files.start_log}.")


def _environment() -> dict[str, str]:
    """This environment, for another working directory."""
    environment = dict(os.environ)
    if environment.get("PYTHONPATH"):
        parts = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in parts)
    return environment


def _could_not_start(files: StateFiles) -> AlmanacError:
    said = files.start_log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if any(line.startswith("Traceback") for line in said):
        return AlmanacError(f"Almanac couldn't start: {said[-1]}", hint=f"See {files.start_log}.")
    message, hint = (*said, "", "")[:2]
    return AlmanacError(message or "Almanac couldn't start.", hint=hint or f"See {files.log}.")


def _listening(files: StateFiles) -> Running:
    """The server that runs, once it listens: another terminal may have started it just now."""
    with _waiting("waiting for Almanac ...") as look:
        for _ in look(START_PATIENCE_S):
            running = files.running()
            if running is None:
                raise _could_not_start(files)
            if running.url and _answers(running.url):
                return running
    raise AlmanacError("Almanac runs but doesn't answer.", hint=f"See {files.log}, or stop it: almanac down")


def _answers(url: str) -> bool:
    from almanac.client.client import Client
    from almanac.client.errors import ClientError

    try:
        with Client(url, token="none") as client:  # noqa: S106 - a word in place of a token: none is needed
            return client.health().status == "ok"
    except ClientError:
        return False


Look = Callable[[float], Iterator[float]]


@contextmanager
def _waiting(what: str) -> Iterator[Look]:
    """Show that something is waited for; gives a clock that ticks for so many seconds."""
    from rich.console import Console

    def look(seconds: float) -> Iterator[float]:
        end_by = time.monotonic() + seconds
        while time.monotonic() < end_by:
            yield end_by - time.monotonic()
            time.sleep(LOOK_EVERY_S)

    if sys.stderr.isatty():
        with Console(stderr=True).status(what):
            yield look
    else:
        output.note(what)
        yield look


def down(
    state: State = None,
    release: Annotated[
        bool, typer.Option("--release", help="End all clusters first: release every booking that has one.")
    ] = False,
    json: Json = False,
) -> None:
    """Stop Almanac on this machine. Clusters keep running, and are looked after again at the next start."""
    files = _files(state)
    running = files.running()
    if running is None:
        _tell_down(None, [], json=json)
        return
    left = [] if release else _with_clusters(running)
    _stop(running, signal.SIGUSR1 if release else signal.SIGTERM)
    _tell_down(running, left, json=json)


def _stop(running: Running, number: signal.Signals) -> None:
    """Ask the server to stop, and wait until it is gone; one that doesn't is killed, which loses nothing."""
    releasing = number == signal.SIGUSR1
    with suppress(ProcessLookupError):
        os.kill(running.pid, number)
    what = "ending all clusters; files and logs are saved first ..." if releasing else "stopping Almanac ..."
    with _waiting(what) as look:
        for _ in look(RELEASE_PATIENCE_S if releasing else STOP_PATIENCE_S):
            if _gone(running.pid):
                return
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGKILL)
    output.note("It didn't stop in time and was killed; nothing is lost by that.", style="yellow")


def _gone(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _with_clusters(running: Running) -> list[Booking]:
    from almanac.client.errors import ClientError
    from almanac.core.bookings import BookingStatus

    if not running.url:
        return []
    try:
        with _client_at(running.url) as client:
            return list(client.bookings(mine=False, status=(BookingStatus.BUILDING, BookingStatus.READY)))
    except ClientError:
        return []


def _client_at(url: str) -> Client:
    from almanac.client.client import Client

    return Client(url)


def _tell_down(running: Running | None, left: list[Booking], *, json: bool) -> None:
    if json:
        pid = running.pid if running else None
        output.as_json({"was_running": running is not None, "pid": pid, "clusters_left": [b.id for b in left]})
        return
    output.say("Almanac is down." if running else "Almanac was not running.")
    if left:
        many = "1 cluster keeps" if len(left) == 1 else f"{len(left)} clusters keep"
        names = ", ".join(b.id for b in left)
        output.say(f"{many} running ({names}). Next time, to end them too: almanac down --release")


def status(json: Json = False) -> None:
    """The server, its sites, and my bookings at a glance."""
    from almanac.client.models import LIVE

    with options.client() as client:
        health = client.health()
        sites = client.sites() if client.signed_in else ()
        mine = tuple(client.bookings(status=LIVE)) if client.signed_in else ()
        person = client.me().person if client.signed_in else None
        url = client.url
    if json:
        told = {name: getattr(health, name) for name in ("version", "loop", "mail", "door", "metrics")}
        server = {"url": url, **told}
        output.as_json({"server": server, "person": person, "sites": list(sites), "bookings": list(mine)})
        return
    output.facts(
        [
            ("Server", f"{url} (version {health.version})"),
            ("Loop", _loop_state(health)),
            ("Mail", _mail_state(health)),
            *([("Front door", health.door["trouble"] or health.door["url"])] if health.door else []),
            ("Metrics", (health.metrics or {}).get("trouble")),
            ("You", person or f"not signed in: almanac login {url}"),
            *((f"Site {s.name}", s.trouble or ("drained" if s.drained else "open")) for s in sites),
        ]
    )
    for site in sites:
        for left in site.leftovers:
            output.say(f"Left at {site.name}: {left}", style="yellow")
    if person:
        show_bookings(mine)


def _loop_state(health: Health) -> str:
    if health.loop.get("alive"):
        return "alive"
    return f"not seen since {health.loop.get('beat_at') or 'the start'}; clusters aren't looked after"


def _mail_state(health: Health) -> str:
    """Empty while nothing is in the way of the mail."""
    trouble, waiting = health.mail.get("trouble"), health.mail.get("waiting")
    return f"{trouble} Waiting: {waiting}; nothing is lost" if trouble else ""
