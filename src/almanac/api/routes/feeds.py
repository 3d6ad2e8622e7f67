"""Calendar feeds: made and revoked by people, read by their calendar programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from almanac.api import feed_models as m
from almanac.api.attempts import source
from almanac.api.dependencies import App, FeedId, Now
from almanac.api.errors import documented
from almanac.api.signing import Someone
from almanac.api.slowdown import LeakyBucket
from almanac.core.errors import NotFound
from almanac.factory import Almanac
from almanac.services.feeds import FeedView
from almanac.services.tokens import hashed

router = APIRouter(tags=["feeds"])

_CALENDAR = "text/calendar; charset=utf-8"
_READ: dict[int | str, dict[str, Any]] = {
    200: {"description": "The calendar.", "content": {"text/calendar": {"schema": {"type": "string"}}}},
    304: {"description": "It is as it was when it had the tag in `If-None-Match`."},
}
Secret = Annotated[str, Path(max_length=100, description="The feed's secret.", examples=["x" * 43])]


class FeedLimits:
    """How often a calendar may be read, and how often an address may ask for one that there isn't."""

    def __init__(self) -> None:
        self._reads = LeakyBucket("This calendar is read too often.", burst=20, leak=timedelta(seconds=15))
        self._misses = LeakyBucket("Too many calendars that there aren't.", burst=60, leak=timedelta(seconds=10))

    def read(self, secret: str, now: datetime) -> None:
        """Count one reading.

        Raises:
            SlowDown: there were too many.
        """
        self._reads.take(hashed(secret), now)

    def check(self, address: str, now: datetime) -> None:
        """Let pass an address that hasn't asked for too many that there aren't.

        Raises:
            SlowDown: it has.
        """
        self._misses.check(address, now)

    def missed(self, address: str, now: datetime) -> None:
        """An address asked for one that there isn't."""
        self._misses.add(address, now)


def _limits(request: Request) -> FeedLimits:
    limits: FeedLimits = request.app.state.feed_limits
    return limits


@router.get("/feeds", response_model=list[m.Feed], summary="My feeds", responses=documented(401, 403))
def list_feeds(app: App, caller: Someone) -> list[FeedView]:
    """Your calendar feeds, without their secrets.

    Example: `curl -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/feeds`
    """
    return app.feeds.mine(caller)


@router.post("/feeds", status_code=201, summary="Make a feed", responses=documented(400, 401, 403, 404, 409, 413, 422))
def make_feed(body: m.FeedBody, request: Request, app: App, caller: Someone, now: Now) -> m.NewFeed:
    """Make a secret URL by which a calendar program reads your bookings, or all of a project's. It is shown this once.

    Example: `{"project": "gaia"}`
    """
    made = app.feeds.make(caller, body.project, now)
    here = request.url_for("read_feed", secret=made.secret)
    url = f"{app.public_url}{here.path}" if app.public_url else str(here)
    return m.NewFeed(id=made.id, project=made.project, created_at=made.created_at, url=url)


@router.delete("/feeds/{feed}", status_code=204, summary="Revoke a feed", responses=documented(401, 403, 404, 422))
def revoke_feed(feed: FeedId, app: App, caller: Someone, now: Now) -> None:
    """End one of your feeds, at once: its URL works no more.

    Example: `curl -X DELETE -H "Authorization: Bearer $ALMANAC_TOKEN" $ALMANAC_URL/api/v1/feeds/k3m9q2xa`
    """
    app.feeds.revoke(caller, feed, now)


@router.get(
    "/calendars/{secret}.ics",
    response_class=Response,
    summary="Read a feed",
    responses=_READ | documented(404, 422, 429),
)
def read_feed(
    secret: Secret,
    request: Request,
    app: App,
    now: Now,
    limits: Annotated[FeedLimits, Depends(_limits)],
    if_none_match: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """The bookings as a calendar, for calendar programs: the secret in the URL is all that they need.

    Example: `curl $ALMANAC_URL/api/v1/calendars/SECRET.ics`
    """
    address = source(request.client.host if request.client else "")
    limits.check(address, now)
    limits.read(secret, now)
    try:
        reading = app.feeds.read(secret, _home(request, app), now)
    except NotFound:
        limits.missed(address, now)
        raise
    headers = {"ETag": f'"{reading.tag}"', "Cache-Control": "private, no-cache"}
    if reading.tag in _tags(if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(reading.content, media_type=_CALENDAR, headers=headers)


def _home(request: Request, app: Almanac) -> str:
    return app.public_url or str(request.base_url).rstrip("/")


def _tags(if_none_match: str) -> set[str]:
    """The tags that a client knows; RFC 9110 compares them weakly here."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")}
