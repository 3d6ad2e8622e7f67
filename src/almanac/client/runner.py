"""Runs one script as a child process and passes its output on as it comes.

Sent as text to a kernel of the booking, which executes it, so it imports the standard library only. (It doesn't name
the notebook's session variable either: a cell that names it gets a session made.)
"""

from __future__ import annotations

import base64
import codecs
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import TextIO

GRACE_S = 10.0
"""How long an interrupted script may take to clean up."""
DRAIN_S = 1.0
"""How long output is still read when the script has ended and a child of it holds the pipe open."""
BYTES_PER_S = 700_000
"""Jupyter drops output above a million bytes per second; the script waits instead."""


def run(encoded: str) -> int:
    """Run ``python -u`` with the arguments (a base64 JSON list); returns the exit code as a shell gives it."""
    arguments = json.loads(base64.b64decode(encoded))
    command, pipe = [sys.executable, "-u", *arguments], subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
        _pump(process)
        code = process.wait()
    return code if code >= 0 else 128 - code


def _pump(process: subprocess.Popen[bytes]) -> None:
    """Pass output on until the script has ended. An interrupt reaches the script too: it is in the kernel's group."""
    end_by: float | None = None
    with selectors.DefaultSelector() as selector:
        for pipe, out in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            selector.register(pipe, selectors.EVENT_READ, (decoder, out))  # type: ignore[arg-type]
        while selector.get_map():
            try:
                heard = _forward(selector)
            except KeyboardInterrupt:
                end_by = end_by or time.monotonic() + GRACE_S
                continue
            if end_by and time.monotonic() > end_by:
                process.send_signal(signal.SIGKILL)
            if process.poll() is not None and not heard:
                return


def _forward(selector: selectors.BaseSelector) -> bool:
    """Pass on what is there; returns whether anything was."""
    ready = selector.select(DRAIN_S)
    for key, _ in ready:
        decoder, out = key.data
        data = os.read(key.fd, 32768)
        _write(out, decoder.decode(data, not data))
        if not data:
            selector.unregister(key.fileobj)
    return bool(ready)


def _write(out: TextIO, text: str) -> None:
    if text:
        out.write(text)
        out.flush()
        time.sleep(0.01 + len(json.dumps(text)) / BYTES_PER_S)
