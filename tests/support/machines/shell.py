"""Running the machine's own tools, and saying what they said when they fail."""

from __future__ import annotations

import subprocess


class ToolFailed(Exception):
    """A tool ended with an error."""

    def __init__(self, command: tuple[str, ...], said: str) -> None:
        super().__init__(f"This failed: {' '.join(command)}\n{said.strip()}")


def run(*command: str, given: str = "", patience: float = 60.0) -> str:
    """Run a tool to its end, with something on its standard input; returns its standard output.

    Raises:
        ToolFailed: it ended with an error.
    """
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=patience, check=False)
    if done.returncode:
        raise ToolFailed(command, done.stderr or done.stdout)
    return done.stdout
