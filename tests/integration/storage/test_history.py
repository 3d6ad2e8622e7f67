"""Events and the ledger: appended, and summed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from tests.support.samples import HOUR, NOW, a_grant, a_line, an_event, hours

from almanac.core.ledger import LineKind
from almanac.storage.database import Database
from almanac.storage.rows import Balance

GRANT, HOLD, CHARGE, REFUND = LineKind


def test_events_come_back_as_they_were(database: Database) -> None:
    plain = an_event()
    full = an_event(booking_id="b-1", cluster_id="c-1", project="gaia", data={"seats": [1, None], "é": {}})
    with database.write() as unit:
        unit.events.append(plain, full)
    with database.read() as unit:
        first, second = unit.events.since(0)
        assert [first, second] == [an_event(id=first.id), an_event(**_facts(full), id=second.id)]
        assert 0 < first.id < second.id == unit.events.last_id()
        assert unit.events.for_booking("b-1") == [second]
        assert unit.events.for_booking("b-2") == []


def _facts(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in ("booking_id", "cluster_id", "project", "data")}


def test_events_are_read_on_from_an_id(database: Database) -> None:
    with database.read() as unit:
        assert unit.events.last_id() == 0
    with database.write() as unit:
        for number in range(5):
            unit.events.append(an_event(message=f"{number}"))
    with database.read() as unit:
        first, *_ = unit.events.since(0)
        assert [event.message for event in unit.events.since(first.id, limit=2)] == ["1", "2"]
        assert unit.events.since(unit.events.last_id()) == []


def test_events_of_a_write_that_failed_never_happened(database: Database) -> None:
    def fail() -> None:
        with database.write() as unit:
            unit.events.append(an_event())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as unit:
        assert unit.events.since(0) == []


def test_events_can_not_be_appended_where_they_would_be_lost(database: Database) -> None:
    with database.read() as unit, pytest.raises(RuntimeError, match="write transactions"):
        unit.events.append(an_event())


def test_a_reader_misses_no_event_of_a_slow_writer(database_url: str) -> None:
    """A later id is never seen before an earlier one: here, the slow writer appended first and commits last."""
    slow, quick = Database(database_url), Database(database_url)
    if database_url.startswith("sqlite"):
        with slow.write() as unit:
            unit.events.append(an_event(message="slow"))
    else:
        with slow.write("local") as unit:
            unit.events.append(an_event(message="slow"))
            with quick.write("simulated") as other:
                other.events.append(an_event(message="quick"))
            with quick.read() as reader:
                [seen] = reader.events.since(0)
    with quick.read() as reader:
        after = reader.events.since(seen.id if database_url.startswith("postgres") else 0)
    assert [event.message for event in after] == ["slow"]
    for database in (slow, quick):
        database.close()


def test_ledger_lines_come_back_as_they_were(peopled: Database) -> None:
    grant = a_grant(10, hours(0, 24), note="Call 7", actor="grace")
    hold = a_line(booking_id="b-1", counts_at=NOW + HOUR)
    other = a_line(CHARGE, 2**40, project="euclid", site="simulated")
    with peopled.write() as unit:
        unit.ledger.append(grant, hold, other)
        unit.ledger.append()
    with peopled.read() as unit:
        found = unit.ledger.lines()
        assert [(line.id > 0, _without_id(line)) for line in found] == [
            (True, _without_id(line)) for line in (grant, hold, other)
        ]
        assert unit.ledger.lines(project="euclid") == unit.ledger.lines(site="simulated") == found[2:]
        assert unit.ledger.lines(project="gaia", booking_id="b-1") == found[1:2]
        assert unit.ledger.lines(project="euclid", booking_id="b-1") == []


def _without_id(line: object) -> object:
    return [getattr(line, name) for name in line.__slots__ if name != "id"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line",
    [
        a_line(node_seconds=0),
        a_line(node_seconds=-5),
        a_line(project="nothing"),
        a_line(period=hours(0, 1)),
        a_line(GRANT),
    ],
)
def test_a_line_that_can_not_be_is_refused_by_the_database_itself(peopled: Database, line: object) -> None:
    with pytest.raises(IntegrityError), peopled.write() as unit:
        unit.ledger.append(line)  # type: ignore[arg-type]


def test_a_project_without_a_grant_has_nothing(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.ledger.append(a_line())
        assert unit.ledger.balance("gaia", "local", NOW) == Balance()
        assert not unit.ledger.metered("gaia", "local")
        unit.ledger.append(a_grant(1, hours(-9, -8)))
        assert unit.ledger.metered("gaia", "local")
        assert not unit.ledger.metered("gaia", "simulated")


def test_a_balance_sums_grants_holds_charges_and_refunds(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.ledger.append(a_grant(1000, hours(0, 24)), a_grant(500, hours(0, 48)))
        unit.ledger.append(a_line(HOLD, 300), a_line(CHARGE, 120), a_line(REFUND, 80))
        unit.ledger.append(a_line(HOLD, 7, project="euclid"), a_line(HOLD, 7, site="simulated"))
    with peopled.read() as unit:
        balance = unit.ledger.balance("gaia", "local", NOW)
    assert balance == Balance(granted=1500, held=100, charged=120)
    assert balance.available == 1500 - 300 + 80


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (-1, Balance()),
        (0, Balance(granted=100, held=1)),
        (23, Balance(granted=100, held=1)),
        (24, Balance(granted=40, held=10)),
        (48, Balance()),
    ],
)
def test_a_line_counts_against_the_grants_of_its_time(peopled: Database, at: int, expected: Balance) -> None:
    with peopled.write() as unit:
        unit.ledger.append(a_grant(100, hours(0, 24)), a_grant(40, hours(24, 48)))
        unit.ledger.append(
            a_line(HOLD, 1, counts_at=NOW),
            a_line(HOLD, 10, counts_at=NOW + 24 * HOUR),
            a_line(HOLD, 100, counts_at=NOW - timedelta(microseconds=1)),
            a_line(HOLD, 1000, counts_at=NOW + 48 * HOUR),
        )
    with peopled.read() as unit:
        assert unit.ledger.balance("gaia", "local", NOW + at * HOUR) == expected


def test_a_line_under_two_grants_counts_once(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.ledger.append(a_grant(10, hours(0, 24)), a_grant(10, hours(0, 24)), a_line(HOLD, 5))
        assert unit.ledger.balance("gaia", "local", NOW).available == 15
