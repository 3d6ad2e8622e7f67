"""One process: the portal and the HTTP API on a socket, and the loop beside it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from types import FrameType

import uvicorn

from almanac.core.errors import AlmanacError, Conflict
from almanac.factory import Almanac, build
from almanac.loop import Archivist, Foresight, Loop, Messenger
from almanac.portal.app import create_app
from almanac.server import winding_down
from almanac.server.doorkeeper import Doorkeeper
from almanac.server.entrance import Entrance, find_entrance
from almanac.server.files import StateFiles
from almanac.server.metrics import collecting
from almanac.settings import Settings

log = logging.getLogger(__name__)

LOG_BYTES = 5_000_000
LOGS_KEPT = 5
OPEN_STREAMS_S = 3
"""A stream of events may stay open for this many seconds once the server stops."""


def serve(settings: Settings, listening: Callable[[str, str], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT; SIGUSR1 ends all clusters first.

    Args:
        settings: what to run, where.
        listening: called with the address, and with that for browsers, once it takes requests.

    Raises:
        Conflict: another server runs on this state directory, or the port is taken.
        AlmanacError: the directory, the database or a setting isn't right.
    """
    files = StateFiles(settings.state)
    files.prepare()
    with files.only_server(), _socket(settings.host, settings.port) as bound, _logging(files), _training(settings):
        entrance = find_entrance(settings)
        app = build(settings, door=entrance.door if entrance else None)
        winding_down.undo(app, files)
        files.tell_first_token(app.accounts.first_admin(app.clock()))
        url = _address(bound)

        def ready() -> None:
            files.tell_address(url, app.clock())
            log.info("listening at %s", url)
            if listening is not None:
                listening(url, app.door.addresses.url if app.door and not app.door.trouble else url)

        with _door(app, entrance, url), collecting(app, settings, url, files):
            _run(app, settings, bound, ready, files)


@contextmanager
def _door(app: Almanac, entrance: Entrance | None, url: str) -> Iterator[None]:
    """The front door, open before anybody is told of it and until the last has been served."""
    if entrance is None:
        yield
        return
    doorkeeper = Doorkeeper(app, entrance.door, entrance.proxy(url))
    doorkeeper.start()
    try:
        yield
    finally:
        doorkeeper.stop()


def _run(app: Almanac, settings: Settings, bound: socket.socket, ready: Callable[[], None], files: StateFiles) -> None:
    holder = f"{socket.gethostname()}:{settings.state}"
    loop = Loop(app, settings.tick_s, holder)
    beside = (Foresight(app, holder), Messenger(app, holder), Archivist(app, holder))
    config = uvicorn.Config(
        create_app(app),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=OPEN_STREAMS_S,
    )
    server = _Server(config, ready)
    with _stopping_on_signals(server, app, files):
        loop.start()
        for each in beside:
            each.start()
        try:
            server.run(sockets=[bound])
        finally:
            log.info("stopping")
            for each in beside:
                each.stop()
            loop.stop()
            winding_down.undo(app, files)
            app.database.close()
    log.info("stopped")


class _Server(uvicorn.Server):
    """Uvicorn's, which says when it takes requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


@contextmanager
def _stopping_on_signals(server: uvicorn.Server, app: Almanac, files: StateFiles) -> Iterator[None]:
    """Uvicorn stops on SIGTERM and SIGINT and then raises them again: they must find a handler that lets us finish."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    def wind_down(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=_wind_down, args=(server, app, files), name="winding-down", daemon=True).start()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGUSR1: wind_down}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wind_down(server: uvicorn.Server, app: Almanac, files: StateFiles) -> None:
    try:
        winding_down.end_all(app, files)
    finally:
        server.should_exit = True


@contextmanager
def _socket(host: str, port: int) -> Iterator[socket.socket]:
    try:
        bound = socket.create_server((host, port), family=_family(host), backlog=2048)
    except OSError as error:
        raise Conflict(
            f"Port {port} of {host} can't be used ({error.strerror or error}).",
            hint="Stop what uses it, or choose another: almanac up --port 8485 (0 takes any free one).",
        ) from error
    with bound:
        bound.set_inheritable(False)
        yield bound


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(bound: socket.socket) -> str:
    """Where to reach it from this machine: a wildcard address is reached by loopback."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _logging(files: StateFiles) -> Iterator[None]:
    """Log to the state directory. Requests aren't logged, so that no secret of a URL is."""
    files.log.touch(mode=0o600)
    handler = RotatingFileHandler(files.log, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    except AlmanacError as error:
        log.error("%s %s", error.message, error.hint)  # noqa: TRY400 - a sentence for people, no trace
        raise
    except Exception:
        log.exception("the server broke")
        raise
    finally:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def _training(settings: Settings) -> Iterator[None]:
    """Make Spark's class-data archive beside the server if it is missing: starts cost half from then on."""
    if not settings.local.enabled:
        yield
        return
    command = [sys.executable, "-m", "almanac.spark.archive", "--cache", str(settings.cache)]
    quiet = subprocess.DEVNULL
    trainer = subprocess.Popen(
        ["nice", "-n", "19", *command], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        yield
    finally:
        if trainer.poll() is None:
            os.killpg(trainer.pid, signal.SIGTERM)
        trainer.wait()
