"""The HTTP application over one composed Almanac."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from almanac.api import errors
from almanac.api.attempts import Attempts
from almanac.api.middleware import Guard
from almanac.api.plan_models import MAX_DEMAND_BODY
from almanac.api.routes import (
    account,
    admin,
    bookings,
    catalogue,
    diagnoses,
    door,
    feeds,
    ledger,
    metrics,
    nodes,
    notices,
    plan,
    receipts,
    series,
    session,
    sign_in,
    tokens,
    waiting,
    watch,
)
from almanac.api.slowdown import FailureLimit
from almanac.factory import Almanac
from almanac.version import VERSION

BASE = "/api/v1"
MAX_BODY = 64 * 1024
"""Bytes; the largest honest request is about one kilobyte, but for a trace of demand."""

DESCRIPTION = """
Book a Spark science platform the way you book a telescope: say what you need and when.

Sign in with a one-time token at `/sign-in`, then send `Authorization: Bearer TOKEN`.
Times are ISO 8601 with an offset, lengths are whole seconds. Every error has the same shape: a stable `code`,
a `message`, a `hint` that says what would work, and `details` for programs.
"""


def create_app(almanac: Almanac) -> FastAPI:
    """The ASGI application.

    Args:
        almanac: the composed application; its clock is the API's clock.
    """
    app = FastAPI(
        title="Almanac",
        version=VERSION,
        description=DESCRIPTION,
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,  # the ready-made pages load scripts from elsewhere, beside people's tokens
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.almanac = almanac
    app.state.sign_in_failures = FailureLimit()
    app.state.attempts = Attempts(app.state.sign_in_failures)
    app.state.feed_limits = feeds.FeedLimits()
    app.state.node_calls = nodes.call_limit()
    routes = APIRouter(prefix=BASE, responses=errors.documented(500, 503))
    of_bookings = (bookings, receipts, watch, metrics, diagnoses, series, waiting, feeds, notices)
    for topic in (session, sign_in, account, catalogue, *of_bookings, ledger, plan, tokens, admin):
        routes.include_router(topic.router)
    for machines in (nodes.router, metrics.machines, metrics.grafana, door.router):  # no door for people
        routes.include_router(machines, include_in_schema=False)
    app.include_router(routes)
    errors.install(app)
    streamed = tuple(f"{BASE}{path}" for path in nodes.STREAMED)
    larger = {f"{BASE}{path}": most for path, most in nodes.LARGER.items()} | {f"{BASE}/demand/": MAX_DEMAND_BODY}
    app.add_middleware(Guard, max_body=MAX_BODY, streamed=streamed, larger=larger)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
