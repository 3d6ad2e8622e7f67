"""The agent: ``python3 node.pyz CONFIG``.

``python3 node.pyz chore NAME`` is what it does in people's directories. ``python3 node.pyz bake PACKAGE DIGEST OPT`` puts into
an image what it would install at the first boot.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from pathlib import Path

from almanac.node import chores
from almanac.node.agent import Agent
from almanac.node.config import Config
from almanac.node.runtime import CantInstall, Runtime, install_exporter

_REMEMBERED = 200


class _Remembering(logging.Handler):
    """Writes lines, and remembers the last ones."""

    def __init__(self, said: deque[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self._said.append(line)
        print(line, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Run."""
    if arguments[:1] == ["chore"]:
        return chores.main(arguments[1])
    if arguments[:1] == ["bake"]:
        return _bake(*arguments[1:])
    said: deque[str] = deque(maxlen=_REMEMBERED)
    handler = _Remembering(said)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    return Agent(Config.load(arguments[0]), str(Path(sys.argv[0]).resolve()), said).run()


def _bake(package: str, digest: str, opt: str) -> int:
    runtime = Runtime(Path(opt), print)
    try:
        with Path(package).open("rb") as archive:
            runtime.unpack(archive, digest)
        runtime.complete()
        install_exporter()
    except (OSError, CantInstall) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{opt} is complete.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
