"""Several sites behind one server, as people see them in a terminal and in Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.terminal import Terminal, serving

import almanac
from almanac.client.client import Client
from almanac.client.credentials import load

TWO = """
[local]
enabled = false

[[simulated]]
name = "sky"
hosts = 1
cores = 16
memory_mib = 65536
build_s = 0.5
price_per_core_hour = 0.5
data = ["gaia-dr3"]

[[simulated]]
name = "cave"
hosts = 1
cores = 16
memory_mib = 65536
build_s = 0.5
price_per_core_hour = 0.25
reserved = false
"""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory) -> Iterator[Terminal]:
    """The operator's, on a server with a dear site that reserves and a cheap one that doesn't."""
    home = tmp_path_factory.mktemp("sites")
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "almanac.toml").write_text(TWO)
    with serving(home, {"ALMANAC_TICK_S": "0.2"}) as terminal:
        yield terminal


@pytest.fixture
def best_effort(terminal) -> Iterator[str]:
    """A booking where nothing is reserved."""
    said = terminal("book", "spark-small", "--for", "1h", "--site", "cave")
    assert "spark-small at cave (best effort, not reserved) for 1 h" in said.out
    booking = said.out.split()[0]
    yield booking
    terminal("release", booking, "--wait")


def test_sites_say_what_is_reserved_and_what_data_they_have(terminal):
    said = terminal("sites").out
    assert "reserved ahead of time" in said
    assert "best effort, not reserved" in said
    assert "gaia-dr3" in said


def test_free_shows_prices_what_is_reserved_and_what_speaks_for_each(terminal):
    said = terminal("free", "spark-small", "--for", "1h", "--limit", "2").out
    sky, cave = (next(line for line in said.splitlines() if f"  {site}  " in line) for site in ("sky", "cave"))
    assert "1.50" in sky
    assert "best effort" not in sky
    assert "0.75" in cave
    assert "best effort, not reserved" in cave
    assert "sky: it is reserved there, at cave only best effort" in said
    assert "cave: it is best effort, not reserved as at sky" in said


def test_the_wish_decides_and_every_door_says_best_effort(terminal, best_effort):
    assert "(best effort, not reserved)" in terminal("show", best_effort).out
    assert (
        "Booked spark-small at cave: you asked for it. Best effort, not reserved." in terminal("show", best_effort).out
    )
    with Client(*credentials(terminal)) as client:
        platform = almanac.connect(best_effort, client=client)
        assert "spark-small at cave (best effort, not reserved)" in repr(platform)
        assert "spark-small at cave (best effort, not reserved)" in platform._repr_html_()


def test_an_offer_says_its_price_and_why(terminal):
    said = terminal("offer", "spark-small", "--for", "1h")
    assert "at sky for 1 h" in said.out
    assert "sky, as it is reserved there, at cave only best effort" in said.out
    assert "1.50" in said.out
    held = terminal("offer", "spark-small", "--for", "1h", "--site", "cave")
    assert "best effort, not reserved" in held.out
    for answer in (said, held):
        terminal("cancel", answer.out.split()[0])


def test_data_brings_a_booking_to_it(terminal):
    booked = terminal.ask("book", "notebook", "--for", "1h", "--data", "gaia-dr3")
    assert (booked["site"], booked["why"]) == ("sky", "it has the data gaia-dr3")
    terminal("release", booked["id"], "--wait")
    said = terminal("free", "notebook", "--for", "1h", "--data", "euclid")
    assert (said.code, said.out) == (1, "")
    assert "No site has the data euclid." in said.err


def test_a_drained_site_leaves_the_other(terminal):
    terminal("site", "drain", "sky")
    try:
        booked = terminal.ask("book", "notebook", "--for", "1h")
        assert (booked["site"], booked["reserved"]) == ("cave", False)
        terminal("release", booked["id"], "--wait")
    finally:
        terminal("site", "undrain", "sky")


def credentials(terminal: Terminal) -> tuple[str, str]:
    """The server's address and this terminal's token."""
    stored = load(terminal.credentials)
    return stored.default, stored.servers[stored.default].token
