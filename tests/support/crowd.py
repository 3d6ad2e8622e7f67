"""Many people's bookings in one week of a running Almanac, for pages that must stay quick and calm with them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice

from tests.support.terminal import Terminal

from almanac.client import Client
from almanac.client import credentials as stored
from almanac.client.models import Request

PROFILES = ("notebook", "spark-small", "notebook", "spark-medium")
PROJECT = "default"


def next_monday(now: datetime) -> datetime:
    """Where next week begins, in UTC."""
    return (now + timedelta(days=7 - now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)


def crowd(terminal: Terminal, monday: datetime, count: int, people: int = 4) -> None:
    """Make so many bookings in a week: the first person's are the operator's, the others' are of new members'."""
    wanted = list(islice(wishes(monday), count))
    with client_of(terminal) as operator:
        clients = [operator, *(joined(operator, f"member-{number}") for number in range(1, people))]
        with ThreadPoolExecutor(people) as pool:
            list(pool.map(lambda number: book(clients[number], wanted[number::people]), range(people)))
        for each in clients[1:]:
            each.close()


def wishes(monday: datetime) -> Iterator[Request]:
    """Bookings of a week, by day and night, as many as one likes; the same each time."""
    number = 0
    while True:
        start = monday + timedelta(days=number % 7, minutes=30 * (number * 5 // 7 % 40))
        lasting = timedelta(hours=1 + number % 4)
        yield Request(PROFILES[number % len(PROFILES)], lasting, start, project=PROJECT, title=f"Field {number}")
        number += 1


def client_of(terminal: Terminal) -> Client:
    """The client of a terminal's person."""
    credentials = stored.load(terminal.credentials)
    return Client(credentials.default, credentials.servers[credentials.default].token)


def joined(operator: Client, person: str) -> Client:
    """The client of a new member of the default project."""
    operator.admin.add_person(person)
    operator.admin.set_member(PROJECT, person, "member")
    token = operator.sign_in(operator.admin.invite(person).one_time_token).token
    return Client(operator.url, token)


def book(client: Client, wanted: list[Request]) -> None:
    """Book, one after the other."""
    for request in wanted:
        client.book(request)
