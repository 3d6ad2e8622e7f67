"""Approvals in the portal: who decides sees what waits, and who asked sees the answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration.api.world import LIMIT
from tests.integration.portal.visitor import Visitor, forms

CLASS = {"profile": "spark-class", "seats": str(LIMIT + 1), "start": "2027-03-03T10:00", "title": "Galaxies II"}


@pytest.fixture
def asked(ada) -> str:
    """The page of what ada asks for, which is above the limits."""
    return ada.send(ada.form("/book", "/book"), **CLASS).headers["location"]


def decision(visitor: Visitor, asked: str, what: str, page: str = "/approvals"):
    return visitor.form(page, f"/approvals/{asked.rpartition('/')[2]}/{what}")


def test_the_form_says_that_it_needs_an_approval(ada):
    query = "&".join(f"{name}={value}" for name, value in CLASS.items())
    assert f"It needs an approval: {LIMIT + 1} seats (more than {LIMIT})." in ada.see(f"/book/verdict?{query}").text


def test_a_lead_sees_it_and_approves_it(ada, asked):
    assert "Waits for an approval" in ada.see(asked).text
    assert "/approvals" not in ada.see("/").text
    lena = Visitor(ada.world).signed_in("lead")
    assert '<span class="count">1' in lena.see("/").text
    page = lena.see("/approvals").text
    assert "Galaxies II" in page
    assert f"{LIMIT + 1} seats (more than {LIMIT})" in page
    yes = decision(lena, asked, "approve")
    assert lena.send(yes).headers["location"] == "/approvals"
    again = lena.send(yes)
    assert again.status_code == 409
    assert "already" in again.text
    assert "Nothing waits for your decision." in lena.see("/approvals").text
    assert '<span class="count">' not in lena.see("/").text
    ada.signed_in("owner")
    assert "Approved by lena" in ada.see(asked).text


def test_an_operator_declines_it_from_its_page_and_the_asker_is_told_why(ada, asked):
    operator = Visitor(ada.world).signed_in("operator")
    no = decision(operator, asked, "decline", asked)
    assert operator.send(no, reason="The class needs <b>it</b>").status_code == 303
    ada.signed_in("owner")
    page = ada.see(asked).text
    assert "Cancelled" in page
    assert "Declined by admin: The class needs &lt;b&gt;it&lt;/b&gt;." in page
    assert "was declined" in ada.see("/notices").text


def test_the_asker_sees_what_waits_and_decides_nothing(ada, asked):
    page = ada.see("/approvals").text
    assert "Yours" in page
    assert "Galaxies II" in page
    assert not [one for one in forms(page + ada.see(asked).text) if one.action.startswith("/approvals")]
    csrf = ada.form("/", "/sign-out").fields["csrf"]
    for role, status in (("owner", 403), ("member", 403), ("outsider", 404)):
        visitor = ada if role == "owner" else Visitor(ada.world).signed_in(role)
        csrf = visitor.form("/", "/sign-out").fields["csrf"]
        for what in ("approve", "decline"):
            path = f"/approvals/{asked.rpartition('/')[2]}/{what}"
            assert ada.world.http.post(path, data={"csrf": csrf}).status_code == status, role


def test_nobody_decided_in_time(ada, asked):
    ada.world.clock.advance(timedelta(days=3))
    lena = Visitor(ada.world).signed_in("lead")
    assert "Nothing waits for your decision." in lena.see("/approvals").text
    ada.signed_in("owner")
    assert "Nobody decided in time." in ada.see(asked).text


def test_all_of_a_series_is_decided_at_once(ada):
    weekly = {**CLASS, "repeat": "weekly", "times": "3", "project": "gaia"}
    dates = ada.send(ada.form("/book", "/book"), **weekly)
    form = next(one for one in forms(dates.text) if one.action == "/book/series")
    series = ada.send(form).headers["location"]
    lena = Visitor(ada.world).signed_in("lead")
    page = lena.see("/approvals").text
    assert "All 3 of its series" in page
    yes = next(one for one in forms(page) if one.action.endswith("/approve"))
    assert lena.send(yes, whole="true").status_code == 303
    assert "Nothing waits for your decision." in lena.see("/approvals").text
    ada.signed_in("owner")
    assert ada.see(series).text.count('<span class="badge booked">') == 3


def test_one_of_a_series_alone(ada, asked):
    lena = Visitor(ada.world).signed_in("lead")
    other = ada.world.above_limits(title="Another")
    assert lena.send(decision(lena, asked, "approve"), whole="true").status_code == 303
    assert other.id in lena.see("/approvals").text
