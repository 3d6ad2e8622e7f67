"""Draw docs/pictures/terminal.svg from a real session: what Almanac printed while it was started, used and stopped."""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "pictures" / "terminal.svg"
COLUMNS = 96


def run(command: str, environment: dict[str, str]) -> str:
    """What a command prints on a terminal, colours included; its last screen where it redraws lines."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(shlex.split(command), stdout=follower, stderr=follower, stdin=follower, env=environment)
    os.close(follower)
    chunks: list[bytes] = []
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(leader)
    if process.wait() != 0:
        sys.exit(f"{command}: {b''.join(chunks).decode()}")
    return settled(b"".join(chunks).decode())


def settled(text: str) -> str:
    """The lines as they stand at the end: progress redraws itself with carriage returns and cursor movements."""
    lines: list[str] = []
    for line in text.replace("\x1b[?25l", "").replace("\x1b[?25h", "").replace("\r\n", "\n").split("\n"):
        last = line.split("\r")[-1]
        lines.append(last.split("\x1b[2K")[-1])
    return "\n".join(line for line in lines if line.strip())


def main() -> None:
    """Record the session and draw it."""
    with tempfile.TemporaryDirectory(prefix="almanac-picture-") as directory:
        environment = os.environ | {
            "ALMANAC_STATE": f"{directory}/state",
            "ALMANAC_CONFIG": f"{directory}/credentials.toml",
            "COLUMNS": str(COLUMNS),
            "TERM": "xterm-256color",
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        }
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
        try:
            run("almanac up --port 0", environment)
            for command in (
                "almanac free spark-small --for 2h --limit 2",
                "almanac book spark-small --for 2h --wait",
                "almanac bookings",
            ):
                console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
                console.print(Text.from_ansi(run(command, environment)))
        finally:
            subprocess.run(["almanac", "down", "--release"], env=environment, check=False, stdout=subprocess.DEVNULL)
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        # Rich's own frame loads its font from elsewhere; the reader's monospace will do.
        frame = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
            "Fira Code", "monospace"
        )
        console.save_svg(str(TARGET), title="almanac", code_format=frame)


if __name__ == "__main__":
    main()
