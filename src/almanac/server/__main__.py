"""``python -m almanac.server``: run the server in this process."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from almanac.core.errors import AlmanacError
from almanac.core.ports import SiteError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns 1 if it couldn't start, with one sentence and a hint on standard error."""
    given = {key: value for key, value in vars(_parsed(arguments)).items() if value is not None}
    try:
        from almanac.server.serve import serve
        from almanac.settings import load

        serve(load(**given), _tell)
    except AlmanacError as error:
        print(error.message, error.hint, sep="\n", file=sys.stderr)
        return 1
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _tell(url: str, entrance: str) -> None:
    print(f"Almanac is up at {url}", flush=True)
    if entrance != url:
        print(f"In a browser: {entrance}", flush=True)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m almanac.server", description=__doc__)
    parser.add_argument("--state", type=Path, help="directory for everything of this Almanac")
    parser.add_argument("--host", help="address to listen at (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen at (8484; 0 takes any free one)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
