"""JVMs that start before what they connect to is there, and wait for it at the last moment.

A driver or worker that finds no master tries again only after many seconds, so it may not look too early; one that is started
once the master listens wastes the time in which a JVM loads its classes. So each is started at once and is held up at a file
that it reads just before it connects: the file is a pipe, into which a small waiter writes once the master's port answers.

The driver reads its fair scheduler's pools between making its scheduler and starting it; a worker reads its metrics' properties
between binding its port and registering.
"""

from __future__ import annotations

_SCRIPT = """\
host=$1 port=$2 pipe=$3 content=$4; shift 4
rm -f -- "$pipe" && mkfifo -m 600 -- "$pipe" || exit 1
wait_for_it() {
    until (: <>"/dev/tcp/$host/$port") 2>/dev/null; do
        kill -0 $$ 2>/dev/null || exit  # the program is gone
        sleep .05
    done
    let_go & letting=$!
    while kill -0 $letting 2>/dev/null; do
        kill -0 $$ 2>/dev/null || kill $letting  # it was killed before it came to read
        sleep .05
    done
}
let_go() {
    exec 3>"$pipe"
    cp -p -- "$content" "$pipe.file" && mv -f -- "$pipe.file" "$pipe"
    cat -- "$content" >&3
}
( wait_for_it & )
exec "$@"
"""
"""Before the first reader is let go, the pipe becomes a plain file, for those who read it again."""


def held_up(host: str, port: int, pipe: str, content: str, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command line of a program that is held up where it reads ``pipe``, until ``host:port`` answers.

    Args:
        host: address that is waited for.
        port: port that is waited for.
        pipe: path that the program reads; made anew at each start.
        content: path of the file that goes through the pipe.
        argv: the program's own command line.
    """
    return ("/bin/bash", "-c", _SCRIPT, "gate", host, str(port), pipe, content, *argv)
