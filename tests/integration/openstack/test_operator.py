"""An operator adds a cloud to a working Almanac: from its entry in clouds.yaml to a booking that Blazar holds."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.support.terminal import serving

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

SETTINGS = """
public_url = "http://10.0.0.1:8484"
tick_s = 0.5

[local]
enabled = false

[simulated]
name = "lab"
hosts = 1
price_per_core_hour = 0.5
"""


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 400
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_from_an_entry_to_a_booking_and_back_to_nothing(tenant, tmp_path):
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True, mode=0o700)
    (home / "state" / "almanac.toml").write_text(SETTINGS)
    with serving(home, {}) as almanac:
        added = almanac(
            *("site", "add", "east", "--cloud", tenant.project.name, "--clouds-file", tenant.project.clouds_yaml),
            *("--flavor", "m.*", "--price-per-core-hour", "0.1"),
        )
        assert "Next: almanac site check east" in added.out
        almanac("down")
        almanac("up", "--port", "0")
        until(lambda: almanac.hears("east"), "the cloud never answers")
        booked = almanac.ask("book", "spark-small", "--at", "in 2h", "--for", "1h")
        assert (booked["site"], booked["reserved"]) == ("east", True)
        assert booked["why"].startswith("it is cheaper than lab")
        until(lambda: [lease["status"] for lease in tenant.leases()] == ["PENDING"], "Blazar never has the lease")
        assert booked["id"][2:] in tenant.leases()[0]["name"]
        drained = almanac.ask("site", "drain", "east")
        assert [left["id"] for left in drained["bookings"]] == [booked["id"]]
        assert almanac.ask("book", "notebook", "--for", "1h")["site"] == "lab"
        almanac("cancel", booked["id"])
        until(lambda: not tenant.leases(), "Blazar still has the lease")
        assert "Nothing is booked at east: it is empty." in almanac("site", "drain", "east").out
    assert tenant.left() == ""
