"""Parts of pages that stay true: rendered anew and sent on whenever what they show has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TypeVar

from fastapi.sse import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from almanac.core.errors import AlmanacError
from almanac.portal.reader import Reader

QUICK_S, SLOW_S = 0.3, 3.0
"""Seconds between two looks: while something is about to change, and otherwise."""

T = TypeVar("T")


async def live(
    reader: Reader, look: Callable[[Reader], T], show: Callable[[Reader, T, T | None], str], busy: Callable[[T], bool]
) -> AsyncIterator[ServerSentEvent]:
    """Send a part of a page now and whenever what it shows changes, until its person's session ends.

    Args:
        reader: who looks.
        look: what there is to show now.
        show: renders that, given what was shown before.
        busy: whether it is about to change.
    """
    shown: T | None = None
    while True:
        try:
            reader = await run_in_threadpool(_as_of_now, reader)
            seen = await run_in_threadpool(look, reader)
        except AlmanacError:
            yield ServerSentEvent(event="over", raw_data="")
            return
        if seen != shown:
            yield ServerSentEvent(raw_data=await run_in_threadpool(show, reader, seen, shown))
            shown = seen
        await asyncio.sleep(QUICK_S if busy(seen) else SLOW_S)


def _as_of_now(reader: Reader) -> Reader:
    """The same person now: a session that has ended ends its streams too."""
    now = reader.app.clock()
    return replace(reader, now=now, caller=reader.app.sessions.find(reader.cookie, now).caller)
