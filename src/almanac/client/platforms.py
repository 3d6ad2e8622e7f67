"""A booked platform as a Python object: ``almanac.book`` and ``almanac.connect``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from almanac.client import words
from almanac.client.client import Client
from almanac.client.errors import ClientError
from almanac.client.models import LIVE, Booking, Connection, Event, Request
from almanac.client.progress import showing, wait_ready
from almanac.core.bookings import BookingStatus

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Platform:
    """A booking and the cluster behind it.

    As a context manager it waits until it is ready, and is released at the end, whatever happens in between::

        with almanac.book("spark-small", hours=2) as platform:
            platform.spark.range(1000).count()

    Every method raises ``ClientError`` with what would work instead.
    """

    def __init__(self, client: Client, booking: Booking) -> None:
        self.booking = booking
        self._client = client
        self._connection: Connection | None = None
        self._spark: SparkSession | None = None

    # What it is

    @property
    def id(self) -> str:
        """The booking's id."""
        return self.booking.id

    @property
    def status(self) -> str:
        """Its status when last asked (see ``refresh``): ``booked``, ``building``, ``ready``, ``ended``, ..."""
        return self.booking.status.value

    def refresh(self) -> Self:
        """Ask the server how it is now."""
        self.booking = self._client.booking(self.id)
        return self

    def wait(self) -> Self:
        """Wait until it is ready, showing progress."""
        with showing(_stream()) as show:
            try:
                self.booking = wait_ready(self._client, self.id, show)
            except KeyboardInterrupt as stopped:
                stopped.add_note(f"{self.id} stays booked: almanac.connect({self.id!r}), or almanac cancel {self.id}")
                raise
        return self

    # Using it

    @property
    def spark(self) -> SparkSession:
        """A Spark Connect session on it, made at first use."""
        if self._spark is None:
            self._spark = _session(self.connect_url)
        return self._spark

    @property
    def connect_url(self) -> str:
        """The address for any Spark Connect client. It holds the cluster's token: don't share it.

        Raises:
            ClientError: not ready yet, over, or a plain notebook, which has no Spark.
        """
        url = self._connected().connect_url
        if not url:
            hint = "Book a profile with Spark (almanac profiles)."
            raise ClientError("no_spark", f"{self.booking.profile} is a notebook without Spark.", hint)
        return url

    @property
    def notebook_url(self) -> str:
        """The address of the (first seat's) JupyterLab. It holds the notebook's token: don't share it."""
        return self.notebook_urls[0]

    @property
    def notebook_urls(self) -> tuple[str, ...]:
        """The address of each seat's JupyterLab."""
        return tuple(seat.notebook_url for seat in self._connected().seats)

    def logs(self, service: str | None = None, tail: int = 200) -> Mapping[str, str]:
        """The last ``tail`` lines of each service's log, or of one service's."""
        return self._client.logs(self.id, service=service, tail=tail).services

    def events(self) -> tuple[Event, ...]:
        """What happened to it, oldest first."""
        return self._client.events(self.id)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._client.connection(self.id)
        return self._connection

    # Changing it

    def extend(self, hours: float | None = None, *, until: datetime | None = None) -> Self:
        """End it later: by some hours, or until an aware instant."""
        self.booking = self._client.extend(self.id, by=_length(hours), until=until)
        return self

    def shorten(self, hours: float | None = None, *, until: datetime | None = None) -> Self:
        """End it earlier: by some hours, or at an aware instant."""
        self.booking = self._client.shorten(self.id, by=_length(hours), until=until)
        return self

    def release(self) -> Self:
        """Give it back now; files and logs are saved. Once it is over, nothing happens."""
        self.refresh()
        running = self.booking.status is BookingStatus.READY
        # Sessions first: a Spark Connect client whose server is gone tries for minutes.
        self._stop_spark(tell_server=running)
        if not self.booking.over and self.booking.status is not BookingStatus.ENDING:
            self.booking = self._client.release(self.id)
        self._connection = None
        return self

    def _stop_spark(self, *, tell_server: bool) -> None:
        session, self._spark = self._spark, None
        if session is not None:
            connected: Any = session
            connected.client.set_retry_policies(())  # its server may be gone, and the cluster ends anyway
            connected.release_session_on_close = tell_server
            connected.stop()

    # As a context manager, and as people see it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        b = self.booking
        return f"<Platform {b.id}: {words.place(b)}, {words.state(b)}>"

    def _repr_html_(self) -> str:
        rows = {
            "Platform": f"{self.booking.id}: {words.place(self.booking)}",
            "Status": words.state(self.booking),
            "Until": words.local(self.booking.end),
            "Seats, workers": f"{self.booking.seats}, {self.booking.workers}",
            "Use": "platform.spark, platform.notebook_url, platform.extend(hours=1), platform.release()",
        }
        body = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table>{body}</table>"


def book(  # noqa: PLR0913 - a whole request, by keyword
    profile: str,
    *,
    hours: float,
    at: datetime | None = None,
    seats: int = 1,
    project: str | None = None,
    site: str | None = None,
    title: str | None = None,
    data: str | None = None,
    wait: bool = True,
    client: Client | None = None,
) -> Platform:
    """Book a platform, and wait until it is ready.

    Args:
        profile: what to book, such as ``spark-small`` (``almanac profiles`` lists them).
        hours: for how long.
        at: when it starts, with a time zone; now if not given.
        seats: people who work on it.
        project: whose allocation it is; needed by those who have several.
        site: where; anywhere if not given.
        title: a name for people.
        data: label of the data that it works on: sites that have it come first.
        wait: False returns at once, as for a booking of tomorrow.
        client: another server or person than the one signed in.

    Raises:
        ClientError: why it can't be had, and what could; ``details["refusal"]`` has it for programs.
    """
    length = _length(hours)
    if length is None or length <= timedelta(0):
        raise ClientError("bad_window", f"{hours!r} hours is no length.", "Give a number above 0, such as hours=2.")
    client = client or Client()
    request = Request(profile, length, start=at, seats=seats, project=project, site=site, title=title, data=data)
    platform = Platform(client, client.book(request))
    return platform.wait() if wait else platform


def connect(booking: str, *, client: Client | None = None) -> Platform:
    """The platform of an existing booking, by its id."""
    client = client or Client()
    return Platform(client, client.booking(booking))


def bookings(*, everyone: bool = False, client: Client | None = None) -> tuple[Booking, ...]:
    """One's own bookings that are not over; with ``everyone``, all that one may see."""
    client = client or Client()
    return tuple(client.bookings(mine=not everyone, status=LIVE))


def _length(hours: float | None) -> timedelta | None:
    return None if hours is None else timedelta(hours=hours)


def _session(url: str) -> SparkSession:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        hint = 'Install it: pip install "pyspark-client" (or "pyspark[connect]").'
        raise ClientError("no_pyspark", "There is no PySpark in this Python.", hint) from error
    # A new session: getOrCreate would give one that an earlier platform left.
    return SparkSession.builder.remote(url).create()


def _stream() -> TextIO:
    """A terminal shows progress on standard error; a notebook paints that red, so it gets standard output."""
    return sys.stderr if sys.stderr.isatty() else sys.stdout
