"""Writers that race for the last places in a pool.

As a program, ``python -m tests.support.writers URL WRITERS ATTEMPTS``: each writer is a process, and the places that
each got are printed.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from functools import partial

from tests.support.samples import NOW, a_claim

from almanac.core.resources import Resources
from almanac.storage.database import Database

PLACES = 20


def take_places(url: str, attempts: int, writer: int) -> int:
    """Try to claim a core at a time of a pool that has ``PLACES``, and say how many were got."""
    database = Database(url)
    got = sum(take_place(database, f"b-{writer}-{number}") for number in range(attempts))
    database.close()
    return got


def take_place(database: Database, holder: str) -> bool:
    """Check, then insert: right only because the pool was touched first."""
    with database.write("local") as unit:
        taken = sum(claim.resources.cores for claim in unit.claims.current("local", NOW))
        if taken >= PLACES:
            return False
        unit.claims.add_all([a_claim(holder, count=1, resources=Resources(cores=1))])
        return True


def main() -> None:
    """Race."""
    url, writers, attempts = sys.argv[1:]
    with multiprocessing.get_context("fork").Pool(int(writers)) as processes:
        json.dump(processes.map(partial(take_places, url, int(attempts)), range(int(writers)), chunksize=1), sys.stdout)


if __name__ == "__main__":
    main()
