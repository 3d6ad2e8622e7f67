"""Many at once, on both databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from tests.support.samples import NOW, a_token, an_event
from tests.support.writers import PLACES, take_place

from almanac.storage.database import Database
from almanac.storage.rows import ProjectRow

WRITERS = 16


def all_at_once(act: Callable[[int], bool]) -> list[bool]:
    """What each of 16 threads answers that begin together."""
    together = threading.Barrier(WRITERS)

    def begin(number: int) -> bool:
        together.wait()
        return act(number)

    with ThreadPoolExecutor(WRITERS) as threads:
        return list(threads.map(begin, range(WRITERS)))


def places_taken(database: Database) -> int:
    with database.read() as unit:
        return sum(claim.resources.cores for claim in unit.claims.current("local", NOW))


def test_16_threads_fill_a_pool_exactly(database: Database) -> None:
    rounds = [all_at_once(lambda number: take_place(database, f"b-{number}")) for _ in range(3)]
    assert sum(map(sum, rounds)) == PLACES
    assert places_taken(database) == PLACES


def test_16_processes_fill_a_pool_exactly(database_url: str) -> None:
    command = [sys.executable, "-m", "tests.support.writers", database_url, str(WRITERS), "3"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    race = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    got = json.loads(race.stdout)
    database = Database(database_url)
    assert sum(got) == places_taken(database) == PLACES
    database.close()


def test_one_of_many_leads(database: Database) -> None:
    def run(number: int) -> bool:
        with database.write() as unit:
            return unit.sites.lead("loop", f"process-{number}", NOW, timedelta(seconds=10))

    assert sum(all_at_once(run)) == 1


def test_one_of_many_uses_a_one_time_token(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.people.add_token(a_token(one_time=True))

    def use(_: int) -> bool:
        with peopled.write() as unit:
            return unit.people.use_token("t-1", NOW)

    assert sum(all_at_once(use)) == 1


def test_what_was_read_to_be_replaced_is_not_changed_by_another(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.people.replace_project(ProjectRow("gaia", "Gaia", NOW, max_nodes=0))

    def add_a_node(_: int) -> bool:
        with peopled.write() as unit:
            project = unit.people.get_project("gaia")
            assert project is not None
            assert project.max_nodes is not None
            unit.people.replace_project(replace(project, max_nodes=project.max_nodes + 1))
        return True

    all_at_once(add_a_node)
    with peopled.read() as unit:
        project = unit.people.get_project("gaia")
    assert project is not None
    assert project.max_nodes == WRITERS


def test_a_feed_that_is_read_while_many_write_misses_nothing(database: Database) -> None:
    seen: list[str] = []
    written = threading.Event()

    def read_on() -> None:
        last, finished = 0, False
        while not finished:
            finished = written.is_set()
            with database.read() as unit:
                news = unit.events.since(last)
            seen.extend(event.message for event in news)
            last = news[-1].id if news else last

    def write(number: int) -> bool:
        for turn in range(10):
            with database.write(f"site-{number}") as unit:
                unit.events.append(an_event(message=f"{number}.{turn}"))
        return True

    reader = threading.Thread(target=read_on)
    reader.start()
    try:
        all_at_once(write)
    finally:
        written.set()
        reader.join()
    assert len(seen) == 10 * WRITERS
    assert set(seen) == {f"{number}.{turn}" for number in range(WRITERS) for turn in range(10)}
