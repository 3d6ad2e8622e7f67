"""What only a site's own operator can remove is named wherever an operator looks first."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from almanac.cli import options, output
from almanac.cli.main import run
from almanac.client.models import Health, Site

EAST = Site("east", True, "", False, None, (), {}, {}, leftovers=("A lease is stuck.",))
HEALTH = Health("ok", "1", {"alive": True}, {}, {}, None)


@pytest.fixture(autouse=True)
def own_consoles():
    """Consoles are bound to the output of the test that first writes."""
    output.forget_consoles()
    yield
    output.forget_consoles()


@pytest.mark.parametrize("command", ["sites", "status"])
def test_what_is_left_at_a_site_is_named(command, monkeypatch, capsys):
    server = SimpleNamespace(
        sites=lambda: [EAST],
        health=lambda: HEALTH,
        bookings=lambda **_: (),
        me=lambda: SimpleNamespace(person="olga"),
        signed_in=True,
        url="http://127.0.0.1:8484",
    )
    monkeypatch.setattr(options, "client", lambda: nullcontext(server))
    assert run([command]) == 0
    assert "Left at east: A lease is stuck." in capsys.readouterr().out
