"""Claims, kept and found again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from tests.support.samples import HOUR, NOW, a_claim, hours

from almanac.core.resources import Holder
from almanac.storage.database import Database

SECOND = timedelta(seconds=1)
HEAD = a_claim(role="head", flavor="h2", count=1, host="host-2")
WORKERS = a_claim()
OFFER = a_claim("b-offer", holder=Holder.OFFER, expires_at=NOW + HOUR)


@pytest.fixture
def pool(database: Database) -> Database:
    """A pool with a booking's two claims and an offer's one."""
    with database.write("local") as unit:
        unit.claims.add_all([HEAD, WORKERS, OFFER])
    return database


def test_claims_come_back_as_they_were(pool: Database) -> None:
    with pool.read() as unit:
        assert unit.claims.current("local", NOW) == [HEAD, WORKERS, OFFER]
        assert unit.claims.current("simulated", NOW) == []
        assert unit.claims.for_holder("b-1") == [HEAD, WORKERS]


def test_no_claims_are_no_trouble(database: Database) -> None:
    with database.write("local") as unit:
        unit.claims.add_all([])
        assert unit.claims.current("local", NOW) == []


def test_claims_count_until_they_end_and_offers_until_they_expire(pool: Database) -> None:
    with pool.read() as unit:
        assert len(unit.claims.current("local", NOW + HOUR - SECOND)) == 3
        assert unit.claims.current("local", NOW + HOUR) == [HEAD, WORKERS]
        assert unit.claims.current("local", NOW + 3 * HOUR - SECOND) == [HEAD, WORKERS]
        assert unit.claims.current("local", NOW + 3 * HOUR) == []


def test_claims_are_removed_and_replaced_by_holder(pool: Database) -> None:
    longer = a_claim(window=hours(1, 5))
    with pool.write("local") as unit:
        unit.claims.replace("b-1", [longer])
        unit.claims.remove("b-offer")
        assert unit.claims.current("local", NOW) == [longer]


def test_a_claim_on_nothing_is_refused_by_the_database_itself(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write("local") as unit:
        unit.claims.add_all([a_claim(count=0)])
