"""Parts of pages that stay true: looked at again and again, and sent on whenever they have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from fastapi.responses import Response
from fastapi.sse import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from almanac.core.errors import AlmanacError, NotSignedIn
from almanac.portal.reader import Reader

QUICK_S, SLOW_S = 0.3, 3.0
"""Seconds between two looks: while something is about to change, and otherwise."""
OVER = ServerSentEvent(event="over", raw_data="-")
"""Tells the page that nothing more comes, so that it doesn't ask again."""
SIGNED_OUT = '<p class="note">Your session has ended. <a href="">Load the page again</a> to sign in.</p>'


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page as it is now.

    Attributes:
        text: the part, rendered.
        busy: whether it is about to change.
        over: whether it never changes again.
        id: what a page that lost its connection says it saw last.
    """

    text: str
    busy: bool = False
    over: bool = False
    id: str | None = None


async def live(reader: Reader, look: Callable[[Reader], Part]) -> AsyncIterator[ServerSentEvent]:
    """Send a part of a page now and whenever it has changed, until it is over or its person's session ends.

    Args:
        reader: who looks.
        look: renders the part for them as of now.
    """
    shown = ""
    while True:
        try:
            part = await run_in_threadpool(_look, reader, look)
        except NotSignedIn:
            yield ServerSentEvent(raw_data=SIGNED_OUT)
            yield OVER
            return
        except AlmanacError:  # what is shown is gone, or no longer theirs to see
            yield OVER
            return
        if part.text != shown:
            shown = part.text
            yield ServerSentEvent(raw_data=part.text, id=part.id)
        if part.over:
            yield OVER
            return
        await asyncio.sleep(QUICK_S if part.busy else SLOW_S)


def signed_out() -> Response:
    """The whole stream for who isn't signed in any more."""
    return Response(f"data: {SIGNED_OUT}\n\nevent: over\ndata: -\n\n", media_type="text/event-stream")


def _look(reader: Reader, look: Callable[[Reader], Part]) -> Part:
    """What they see now: a session that has ended ends its streams too."""
    now = reader.app.clock()
    return look(replace(reader, now=now, caller=reader.app.sessions.find(reader.cookie, now).caller))
