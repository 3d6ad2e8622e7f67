"""``almanac run``: a script on a booked platform, as if it ran here."""

from __future__ import annotations

import base64
import json
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from types import FrameType

from almanac.client.errors import ClientError
from almanac.client.jupyter import Hear, Jupyter, Kernel

FOLDER = "jobs"
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 128 + signal.SIGINT


def run_script(jupyter: Jupyter, script: Path, arguments: Sequence[str], hear: Hear) -> int:
    """Copy a script to the seat's home (``jobs/<when>/``), run it there, and wait for its end.

    It runs in a process of its own with the cluster's Python, in the seat's home, with ``SPARK_REMOTE`` in its
    environment. Ctrl-C (and SIGTERM, SIGHUP) interrupt it there; a second one ends it at once.

    Args:
        jupyter: the seat's.
        script: a Python file on this machine.
        arguments: for the script.
        hear: called with its output as it comes.

    Returns:
        Its exit code, as a shell gives it (130 for an interrupt that it doesn't catch).

    Raises:
        ClientError: the script can't be read, or the notebook server doesn't answer.
    """
    path = _upload(jupyter, script)
    source = files("almanac.client").joinpath("runner.py").read_text(encoding="utf-8")
    encoded = base64.b64encode(json.dumps([path, *arguments]).encode()).decode()
    with jupyter.kernel() as kernel, _interrupting(kernel) as ended:
        try:
            execution = kernel.execute(f"{source}\n_exit = run({encoded!r})", hear, values={"exit": "_exit"})
        except ClientError:
            if ended.is_set():
                return INTERRUPTED
            raise
    return INTERRUPTED if execution.error else int(execution.values["exit"])


def _upload(jupyter: Jupyter, script: Path) -> str:
    try:
        content = script.read_bytes()
    except OSError as error:
        hint = "Name a Python file on this machine."
        raise ClientError("bad_request", f"{script} can't be read ({error.strerror}).", hint) from error
    folder = f"{FOLDER}/{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    jupyter.make_folder(FOLDER)
    jupyter.make_folder(folder)
    jupyter.put(f"{folder}/{script.name}", content)
    return f"{folder}/{script.name}"


@contextmanager
def _interrupting(kernel: Kernel) -> Iterator[threading.Event]:
    """Send signals on to the kernel: the first interrupts, the second ends it, which the event tells.

    Reading its output goes on meanwhile.
    """
    ended = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ended  # only the main thread may change what signals do
        return

    def end() -> None:
        ended.set()
        kernel.remove()

    steps = iter((kernel.interrupt, end))

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        step = next(steps, None)
        if step is not None:
            threading.Thread(target=_quietly, args=(step,), daemon=True).start()

    before = {number: signal.signal(number, on_signal) for number in ENDING_SIGNALS}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quietly(step: Callable[[], None]) -> None:
    """What goes wrong here is met again, and told, where the output is read."""
    try:
        step()
    except ClientError:
        return
