"""What people call things is text on every page that shows it, never a part of the page."""

from __future__ import annotations

from urllib.parse import quote

from tests.integration.portal.visitor import Visitor
from tests.support.portal_pages import pages

HOSTILE = "\"'><img src=x onerror=alert(1)></script></title><!-- {{ 7*7 }}"
LESS = "&lt;img src=x"


def named_badly(ada: Visitor) -> str:
    """A booking, a person, a token and a project that are called so; returns the booking."""
    world = ada.world
    operator, now = world.caller("operator"), world.clock()
    for role in ("owner", "lead"):
        world.app.particulars.change(world.caller(role), display_name=HOSTILE)
    world.app.projects.add_project(operator, "badly", now, title=HOSTILE)
    world.app.projects.set_member(operator, "badly", "ada", "lead")
    ada.send(ada.form("/tokens", "/tokens"), name=HOSTILE[:60])
    made = world.book(title=HOSTILE, project="gaia")
    world.until_ready(made.id)
    return made.id


def test_no_page_takes_a_name_for_markup(ada):
    booking = named_badly(ada)
    shown = []
    for role in ("owner", "operator"):
        reader = Visitor(ada.world).signed_in(role)
        for path in pages({"booking": booking, "site": "local"}):
            text = reader.see(path).text
            assert "<img src=x" not in text, path
            assert "</script></title>" not in text, path
            shown += [path] if LESS in text or "\\u003cimg src=x" in text else []
    assert {"/", "/account", "/bookings", f"/bookings/{booking}", "/calendar", "/notices", "/tokens"} <= set(shown)


def test_no_page_takes_what_is_in_its_address_for_markup(ada):
    bad = quote(HOSTILE)
    for path in (
        f"/nowhere/{bad}",
        f"/bookings/{bad}",
        f"/book?profile={bad}",
        f"/book?start={bad[:39]}&site={bad[:39]}&project={bad[:39]}",
        f"/book/verdict?profile=notebook&start={bad[:39]}&title={bad}",
        f"/calendar?profile={bad[:39]}&day={bad[:9]}&site={bad[:39]}",
        f"/again?_to={bad}&{bad}={bad}",
        f"/sign-in?next={bad}",
        f"/notices?before={bad}",
        f"/confirm-email?token={bad}",
    ):
        assert "<img src=x" not in ada.see(path).text, path


def test_what_was_typed_is_text_in_the_form_that_comes_back(ada):
    refused = ada.send(ada.form("/book", "/book"), title=HOSTILE, seats="9999")
    assert refused.status_code >= 400
    assert "<img src=x" not in refused.text
    assert LESS in refused.text
