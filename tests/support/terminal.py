"""A terminal of one person: ``almanac`` as a process, with a state directory and credentials of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from almanac.cli import output
from almanac.cli.main import run

SIMULATED = {
    "ALMANAC_LOCAL__ENABLED": "false",
    "ALMANAC_SIMULATED__HOSTS": "1",
    "ALMANAC_SIMULATED__CORES": "16",
    "ALMANAC_SIMULATED__MEMORY_MIB": "65536",
    "ALMANAC_SIMULATED__BUILD_S": "1",
    "ALMANAC_TICK_S": "0.2",
    "ALMANAC_MONITORING__ENABLED": "false",
}


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    """Runs commands in one environment."""

    home: Path
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.home / "state"

    @property
    def credentials(self) -> Path:
        """The credentials file."""
        return self.home / "config" / "credentials.toml"

    @property
    def environment(self) -> dict[str, str]:
        """The commands' environment."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("ALMANAC_")}
        own |= {"ALMANAC_STATE": str(self.state), "ALMANAC_CONFIG": str(self.credentials), "TZ": "UTC"}
        return own | dict(self.more)

    def start(self, *arguments: object, **more: Any) -> subprocess.Popen[str]:
        """Start a command."""
        command = [sys.executable, "-m", "almanac.cli", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.environment, **more)

    def __call__(self, *arguments: object, typed: str = "") -> Said:
        """Run a command to its end, with something on its standard input.

        It runs in this process, which spares its imports; ``up`` has a process of its own, as it starts another.
        """
        if arguments[:1] == ("up",):
            with self.start(*arguments) as process:
                out, err = process.communicate(timeout=240)
            return Said(process.returncode, out, err)
        out_file, err_file = io.StringIO(), io.StringIO()
        with _replaced(self.environment, typed), redirect_stdout(out_file), redirect_stderr(err_file):
            output.forget_consoles()
            code = run([str(argument) for argument in arguments])
        output.forget_consoles()
        return Said(code, out_file.getvalue(), err_file.getvalue())

    def ask(self, *arguments: object) -> Any:
        """A command's JSON; it must succeed."""
        said = self(*arguments, "--json")
        assert said.code == 0, said
        return said.json

    def hears(self, site: str) -> bool:
        """Whether the server has had a site's answer, so that it can be booked."""
        found = next(one for one in self.ask("sites") if one["name"] == site)
        return found["trouble"] is None and bool(found["hosts"])

    def elsewhere(self, name: str) -> Terminal:
        """Another person's terminal on the same server."""
        config = {"ALMANAC_CONFIG": str(self.home / name / "credentials.toml")}
        return Terminal(self.home, {**self.more, **config})


@contextmanager
def _replaced(environment: Mapping[str, str], typed: str) -> Iterator[None]:
    """Another environment and standard input for a while."""
    before, stdin = dict(os.environ), sys.stdin
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = io.StringIO(typed)
    try:
        yield
    finally:
        sys.stdin = stdin
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def serving(home: Path, settings: Mapping[str, str]) -> Iterator[Terminal]:
    """The operator's terminal of an Almanac of its own, which ends with all its clusters."""
    terminal = Terminal(home, settings)
    try:
        said = terminal("up", "--port", "0")
        assert said.code == 0, said
        yield terminal
    finally:
        terminal("down", "--release")
