"""Passes connections on from this machine's loopback to a cluster's head, as a process of its own.

Run as ``python -m almanac.sites.openstack.relay FD=HOST:PORT ...``, each FD an inherited listening socket. It ends with its
standard input, so that none is left when Almanac is gone, however it went. Standard library only.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

_CONNECT_S = 10


async def serve(doors: list[tuple[int, str, int]]) -> None:
    """Pass every connection on, until standard input ends.

    Args:
        doors: listening descriptor, and the host and port that it leads to.
    """
    servers = [
        await asyncio.start_server(_passing(host, port), sock=socket.socket(fileno=listening))
        for listening, host, port in doors
    ]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    for server in servers:
        server.close()


def _passing(host: str, port: int) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            opening = asyncio.open_connection(host, port)
            far_reader, far_writer = await asyncio.wait_for(opening, _CONNECT_S)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        far_writer.close()
        writer.close()

    return connected


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    """Copy to the end of one direction and say so; the other may go on."""
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


def parse(argument: str) -> tuple[int, str, int]:
    """``5=10.0.0.7:15002`` as descriptor, host and port."""
    listening, _, target = argument.partition("=")
    host, _, port = target.rpartition(":")
    return int(listening), host, int(port)


if __name__ == "__main__":
    asyncio.run(serve([parse(argument) for argument in sys.argv[1:]]))
