"""Writers at the real booking desk. As a program: so many processes race for the places of one site.

Run as ``python -m tests.support.desk URL PROCESSES``; it prints the ids that each process booked, as JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet

from almanac.core.catalogue import Profile
from almanac.core.errors import NoCapacity
from almanac.core.ports import Limits
from almanac.core.resources import Flavor, Host, Resources
from almanac.factory import Almanac, compose
from almanac.services.caller import Caller, Role
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.sites.simulated import SimulatedSite
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
PLACES = 40
NODE = Flavor("node", Resources(1, 1024, 1))
HOSTS = tuple(Host(f"host-{number}", NODE.resources * (PLACES // 4)) for number in range(1, 5))
ADA = Caller("ada", roles={"gaia": Role.MEMBER})
REQUEST = BookingRequest("notebook", timedelta(hours=2), NOW + timedelta(hours=1))


def prepare(url: str) -> None:
    """Let the database know ada and her project."""
    database = Database(url)
    with database.write() as unit:
        unit.people.add_person(PersonRow("ada", NOW))
        unit.people.add_project(ProjectRow("gaia", "Gaia", NOW))
    database.close()


def open_desk(url: str) -> Almanac:
    """An Almanac with one site of 40 places, where time stands still."""
    site = SimulatedSite("sky", HOSTS, [NODE], Limits(), lambda: NOW)
    profiles = [Profile("notebook", "", "node", max_duration=timedelta(days=1))]
    return compose(Database(url), Vault(Fernet.generate_key()), [site], profiles, Rules(), lambda: NOW)


def book_until_full(app: Almanac) -> list[str]:
    """Book the same two hours again and again until there is no room; the ids."""
    booked: list[str] = []
    while True:
        try:
            booked.append(app.bookings.book(ADA, REQUEST, NOW).id)
        except NoCapacity:
            return booked


def _race(
    url: str, begin: multiprocessing.synchronize.Barrier, answers: multiprocessing.SimpleQueue[list[str]]
) -> None:
    app = open_desk(url)
    begin.wait()
    answers.put(book_until_full(app))
    app.database.close()


def main() -> None:
    """Race."""
    url, processes = sys.argv[1], int(sys.argv[2])
    fork = multiprocessing.get_context("fork")  # nothing is open yet, and importing everything once is enough
    begin, answers = fork.Barrier(processes), fork.SimpleQueue()
    racers = [fork.Process(target=_race, args=(url, begin, answers)) for _ in range(processes)]
    for racer in racers:
        racer.start()
    booked = [answers.get() for _ in racers]
    for racer in racers:
        racer.join()
    print(json.dumps(booked))


if __name__ == "__main__":
    main()
