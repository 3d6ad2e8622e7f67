"""Connections from the machine's loopback into a cluster's closed network, passed on by one small process per endpoint.

A relay takes a listening socket as its standard input. It runs as a user of its own: whoever holds a socket that was
accepted on that listener holds one of the machine's network, so a cluster's own processes must never get at it.

systemd's relay is used where it is installed (it copies nothing through its own memory); this module is one too, run as
``python -m almanac.sites.local.relay PORT``. Standard library only: the keeper loads this module.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

WITH_KEEPER = ("--pdeathsig", "KILL")
"""An option of setpriv: what it runs is killed when its keeper dies, where no namespace sees to that."""

_NOBODY = 65534
_PROXYDS = (Path("/lib/systemd/systemd-socket-proxyd"), Path("/usr/lib/systemd/systemd-socket-proxyd"))
_AS_LISTEN_FD = 'exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"'


def find_program() -> str:
    """The machine's relay program; empty when it has none, and this module does the work."""
    return next((str(path) for path in _PROXYDS if path.exists()), "")


def service(program: str, endpoint: str, port: int, package: str) -> dict[str, Any]:
    """The relay of one endpoint as a service.

    Args:
        program: from ``find_program``.
        endpoint: what it leads to, such as ``connect``.
        port: on the cluster's own loopback.
        package: directory from which ``almanac`` is imported.
    """
    argv = [sys.executable, "-S", "-m", __name__, str(port)]
    if program:
        argv = ["/bin/sh", "-c", _AS_LISTEN_FD, program, "--connections-max=4096", f"127.0.0.1:{port}"]
    nothing: dict[str, Any] = {"files": [], "dirs": [], "ports": {}, "ready": None, "after": [], "once": False}
    return nothing | {
        "name": f"relay {endpoint}",
        "argv": argv,
        "env": {"PATH": "/usr/bin:/bin", "PYTHONPATH": package},
        "cwd": "/",
    }


def drop_to(uid: int) -> list[str]:
    """The beginning of a command line that runs the rest as a uid without any privilege."""
    who = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return ["setpriv", *WITH_KEEPER, *who, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"]


def relay_user() -> list[str]:
    """The beginning of a relay's command line."""
    return drop_to(_NOBODY)


async def serve(listening: socket.socket, port: int) -> None:
    """Pass every connection on to a loopback port, for ever."""
    import asyncio

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        inner_writer.close()
        writer.close()

    async with await asyncio.start_server(connected, sock=listening) as server:
        await server.serve_forever()


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    """Copy to the end of one direction and say so; the other may go on."""
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


if __name__ == "__main__":
    import asyncio

    asyncio.run(serve(socket.socket(fileno=0), int(sys.argv[1])))
