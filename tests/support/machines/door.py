"""The gateway's one open port: passes connections on to Almanac, which itself listens on this host's loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from asyncio import StreamReader, StreamWriter


class Door:
    """A listening port at the machines' gateway.

    Args:
        address: the gateway's.

    Attributes:
        port: the port.
        leads_to: the port on this host's loopback; None: every connection is closed at once.
    """

    def __init__(self, address: str) -> None:
        self._socket = socket.create_server((address, 0))
        self.port: int = self._socket.getsockname()[1]
        self.leads_to: int | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the port and every connection."""
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._connected, sock=self._socket) as server:
            await server.serve_forever()

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            if self.leads_to is None:
                return
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.leads_to)
            with contextlib.closing(inner_writer):
                await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    """Copy to the end of one direction and say so; the other may go on."""
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
