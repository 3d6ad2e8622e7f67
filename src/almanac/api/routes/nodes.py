"""What machines in clouds call: join, orders, report, files. No door for people, so it isn't in the OpenAPI document.

A machine's token opens nothing but this, and no person's token opens this. What comes piece by piece is authenticated
before its first byte is read, and bounded while it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from almanac.api.dependencies import App, BearerToken, Now
from almanac.api.node_models import MOST_NUMBERS, JoinBody, NumbersBody, ReportBody, TailsBody
from almanac.api.slowdown import LeakyBucket
from almanac.core.errors import BadRequest, NotFound
from almanac.services.nodes import Nodes
from almanac.spark import package as node_package

PREFIX = "/node"
STREAMED = (f"{PREFIX}/seats/", f"{PREFIX}/logs")
"""Beginnings of paths whose bodies are taken piece by piece."""
LARGER = {f"{PREFIX}/metrics": 2 * MOST_NUMBERS}
"""Beginnings of paths whose bodies may be longer, in bytes."""
_LINES = 64 * 2**20
"""Beside their content, files have names: an upload may be so much larger than what it may hold."""

router = APIRouter(prefix=PREFIX, tags=["nodes"])


def call_limit() -> LeakyBucket:
    """How often one machine may call: five times a second for long."""
    return LeakyBucket("This machine calls too often.", burst=50, leak=timedelta(milliseconds=200))


def _nodes(app: App) -> Nodes:
    if app.nodes is None:
        raise NotFound("No site of this Almanac has machines that call.", hint="See docs/reference/settings.md.")
    return app.nodes


Desk = Annotated[Nodes, Depends(_nodes)]


def _machine(request: Request, desk: Desk, now: Now, token: BearerToken) -> str:
    """Limited by machine, not by address: others may call from behind the same one."""
    who = desk.check(token)
    limit: LeakyBucket = request.app.state.node_calls
    limit.check(who, now)
    limit.add(who, now)
    return token


Token = Annotated[str, Depends(_machine)]
"""The token of a machine that is one of ours; 401 without one."""


@router.post("/join")
def join(body: JoinBody, request: Request, desk: Desk) -> dict[str, str]:
    """Trade a join token for a place in a cluster."""
    address = request.client.host if request.client else ""
    cluster, node = desk.join(body.join_token, body.own_token, address, body.facts)
    return {"cluster": cluster, "node": node}


@router.post("/report")
def report(body: ReportBody, desk: Desk, token: Token) -> dict[str, object]:
    """Tell how the machine fares; hear of new orders, and what is ready elsewhere."""
    answer = desk.report(token, body.told())
    return {"revision": answer.revision, "ready": answer.ready}


@router.get("/orders")
def orders(desk: Desk, token: Token) -> dict[str, object]:
    """What the machine is to do, and with which package."""
    revision, plain = desk.orders(token)
    package = node_package.digest()
    return {"revision": revision, "orders": plain, "save_cap": desk.save_cap, "package": package}


@router.get("/package", dependencies=[Depends(_machine)])
def package() -> Response:
    """The part of Almanac that runs on machines."""
    return Response(node_package.package(), media_type="application/zip")


@router.get("/seats/{seat}/files")
def seat_files(seat: str, desk: Desk, token: Token) -> StreamingResponse:
    """A seat's kept files."""
    return StreamingResponse(desk.seat_files(token, seat), media_type="application/octet-stream")


@router.put("/seats/{seat}/files")
async def save_seat(seat: str, request: Request, desk: Desk, token: Token) -> dict[str, object]:
    """Keep a seat's changed files."""
    async with _spooled(request, desk) as parcel:
        elsewhere = await run_in_threadpool(desk.save_seat, token, seat, parcel)
    return {"elsewhere": elsewhere}


@router.put("/logs")
async def save_logs(request: Request, desk: Desk, token: Token) -> dict[str, object]:
    """Keep the machine's logs."""
    async with _spooled(request, desk) as parcel:
        await run_in_threadpool(desk.save_logs, token, parcel)
    return {}


@router.put("/tails")
def save_tails(body: TailsBody, desk: Desk, token: Token) -> dict[str, object]:
    """Take the last lines of the machine's logs."""
    desk.save_tails(token, body.tails)
    return {}


@router.put("/metrics")
def take_numbers(body: NumbersBody, desk: Desk, token: Token) -> dict[str, object]:
    """Take the machine's numbers."""
    desk.take_numbers(token, body.text)
    return {}


@asynccontextmanager
async def _spooled(request: Request, desk: Nodes) -> AsyncIterator[BinaryIO]:
    """The body in a file, which is gone afterwards."""
    path = await run_in_threadpool(desk.spool)
    try:
        with path.open("w+b") as file:
            await _copy(request, file, desk.save_cap + _LINES)
            file.seek(0)
            yield file
    except ClientDisconnect:
        raise BadRequest("Nothing was saved: the upload was broken off.", hint="Send it again, whole.") from None
    finally:
        path.unlink(missing_ok=True)


async def _copy(request: Request, file: BinaryIO, most: int) -> None:
    async for data in request.stream():
        most -= len(data)
        if most < 0:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large")
        await run_in_threadpool(file.write, data)
