"""Almanac as its settings describe it: several kinds of sites, one of which may be away from the start."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from almanac.core.errors import NotOffered
from almanac.core.plan_places import Place
from almanac.core.windows import Window
from almanac.factory import Almanac, build
from almanac.services.caller import Caller, Role
from almanac.services.requests import BookingRequest
from almanac.settings import load
from almanac.storage.rows import PersonRow, PlanRow, ProjectRow

SETTINGS = """
public_url = "http://10.0.0.1:8484"

[local]
enabled = false

[[openstack]]
name = "east"
cloud = "east-cloud"
clouds_file = "{clouds}"
image = "debian-12"
price_per_core_hour = 0.01

[[simulated]]
name = "sky"
hosts = 1
price_per_core_hour = 0.5
"""
CLOUDS = """
clouds:
  east-cloud: {auth: {auth_url: "http://127.0.0.1:1/identity", username: a, password: b, project_name: p}}
"""
ADA = Caller("ada", roles={"gaia": Role.MEMBER})
HOUR = timedelta(hours=1)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Almanac]:
    """An Almanac with a cloud where nobody answers, and a simulated site."""
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(CLOUDS)
    (tmp_path / "almanac.toml").write_text(SETTINGS.format(clouds=clouds))
    app = build(load(state=tmp_path))
    with app.database.write() as unit:
        unit.people.add_person(PersonRow("ada", app.clock()))
        unit.people.add_project(ProjectRow("gaia", "Gaia", app.clock()))
    yield app
    app.reconciler.close()
    app.database.close()


def test_a_cloud_that_is_away_from_the_start_stops_nothing(app):
    assert app.catalogue.names == ("east", "sky")
    app.reconciler.tick()
    booked = app.bookings.book(ADA, BookingRequest("spark-small", HOUR), app.clock())
    assert (booked.site, booked.price_per_hour) == ("sky", 1.5)
    with pytest.raises(NotOffered, match="east doesn't answer: "):
        app.bookings.book(ADA, BookingRequest("spark-small", HOUR, site="east"), app.clock())
    views = {view.name: view for view in app.catalogue.sites(app.clock())}
    assert views["east"].trouble
    assert views["sky"].trouble is None


def test_the_whole_built_in_catalogue_is_known_though_no_cloud_has_answered(app):
    names = {profile.name for profile in app.catalogue.all_profiles}
    assert {"notebook", "spark-small", "spark-medium", "spark-large", "spark-class", "spark-gpu"} <= names
    assert app.nodes is not None


def test_a_plan_that_is_turned_off_holds_nothing_any_more(app, tmp_path):
    assert app.planning is None
    window = Window.lasting(app.clock(), HOUR)
    with app.database.write() as unit:
        place = Place("l-1", "notebook", "sky", window, window.start)
        unit.plans.put(PlanRow("notebook", window.start, False, "", {}), [place])
    again = build(load(state=tmp_path))
    with again.database.read() as unit:
        assert unit.plans.places() == []
    again.reconciler.close()
    again.database.close()
