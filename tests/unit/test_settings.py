"""Settings: sites from the file and the environment, and what isn't right said in a sentence."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.core.choosing import Terms
from almanac.core.errors import BadRequest
from almanac.mail.smtp import MailServer, Security
from almanac.services.caller import Role
from almanac.services.groups import GroupRole
from almanac.services.institution import Newcomers
from almanac.services.oidc import Registration
from almanac.settings import CloudSettings, Settings, SiteSettings, load
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

CLOUD = """
public_url = "https://almanac.example.org/"

[[openstack]]
name = "east"
cloud = "east-cloud"
image = "Debian 12"
flavors = ["m.*"]
lease_kind = "virtual:instance"
door_cidrs = ["10.1.0.0/16"]
drain = "90s"
price_per_hour = { "m.small" = 0.1 }
price_per_core_hour = 0.04
data = ["gaia-dr3"]

[[openstack]]
name = "west"
cloud = "west-cloud"
image = "Debian 12"
public_url = "http://10.9.0.1:8484"
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch):
    """Settings as ``almanac.toml`` says them."""
    for name in ("ALMANAC_STATE", "ALMANAC_LOCAL__ENABLED"):
        monkeypatch.delenv(name, raising=False)

    def write(text: str) -> Settings:
        (tmp_path / "almanac.toml").write_text(text)
        return load(state=tmp_path)

    return write


def test_clouds(written):
    settings = written(CLOUD)
    east, west = settings.openstack
    assert (settings.url_for(east), settings.url_for(west)) == ("https://almanac.example.org", "http://10.9.0.1:8484")
    assert east.terms == Terms({"m.small": 0.1}, 0.04, frozenset({"gaia-dr3"}))
    site = east.site
    assert (site.cloud, site.lease_kind, site.door_cidrs) == ("east-cloud", LeaseKind.INSTANCE, ("10.1.0.0/16",))
    assert site.drain == timedelta(seconds=90)
    assert [each.name for each in settings.sites] == ["local", "east", "west"]


def test_what_a_cloud_takes_and_what_is_left_out_is_the_same_as_at_the_site():
    known = {field.name for field in fields(OpenStackSettings)}
    assert known == set(CloudSettings.model_fields) - set(SiteSettings.model_fields) - {"public_url"}
    plain = CloudSettings(name="east", cloud="east-cloud", image="Debian 12").site
    assert plain == OpenStackSettings(cloud="east-cloud", image="Debian 12")


def test_one_simulated_site_or_several(written, monkeypatch):
    assert written("").simulated == ()
    assert [s.name for s in written("[simulated]\nhosts = 2").simulated] == ["simulated"]
    several = written("[[simulated]]\nname = 'sky'\n[[simulated]]\nname = 'cave'\nreserved = false").simulated
    assert [(s.name, s.reserved) for s in several] == [("sky", True), ("cave", False)]
    monkeypatch.setenv("ALMANAC_SIMULATED__HOSTS", "7")
    assert [s.hosts for s in written("").simulated] == [7]


def test_the_environment_overrides_the_list_of_clouds(written, monkeypatch):
    monkeypatch.setenv("ALMANAC_OPENSTACK", '[{"name": "lab", "cloud": "lab", "image": "Debian 12"}]')
    assert [cloud.name for cloud in written(CLOUD).openstack] == ["lab"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CLOUD.replace('name = "east"', 'name = "east"\nzone = "Mars/Olympus"'), "Name one such as Europe/Madrid"),
        (CLOUD.replace('"west"', '"east"'), "two sites have the name east: give each its own"),
        (CLOUD.replace('"east"', '"local"'), "two sites have the name local"),
        (
            CLOUD.replace('public_url = "https://almanac.example.org/"', ""),
            "machines of east don't know where Almanac is",
        ),
        (CLOUD.replace("https://almanac.example.org/", "almanac.example.org"), "public_url"),
        (CLOUD.replace("east-cloud", ""), "openstack.0.cloud"),
        (CLOUD.replace("10.1.0.0/16", "everywhere"), "openstack.0.door_cidrs"),
        (CLOUD.replace("virtual:instance", "magic"), "'flavor:instance'"),
        (CLOUD.replace("0.1 }", "-0.1 }"), "openstack.0.price_per_hour"),
        (CLOUD + "netwerk = 'x'", "openstack.1.netwerk: Extra inputs"),
        ("[[openstack]]\nname = 'east'", "openstack.0.image: Field required"),
        ("[openstack", "almanac.toml can't be read"),
    ],
)
def test_what_is_not_right_is_said(written, text, words):
    with pytest.raises(BadRequest) as refused:
        written(text)
    assert words in refused.value.message


OIDC = """
public_url = "https://almanac.example.org/"

[oidc]
title = "Example University"
issuer = "https://id.example.org/realms/staff"
client_id = "almanac"
scopes = ["profile", "email", "groups"]
newcomers = "all"
link_by_email = true

[[oidc.groups]]
group = "gaia-staff"
project = "gaia"

[[oidc.groups]]
group = "gaia-chairs"
project = "gaia"
role = "lead"
"""


def test_an_institution(written, monkeypatch):
    monkeypatch.setenv("ALMANAC_OIDC_CLIENT_SECRET", "hush")
    oidc = written(OIDC).oidc
    assert oidc.registration == Registration(
        "https://id.example.org/realms/staff", "almanac", "hush", ("openid", "profile", "email", "groups")
    )
    assert oidc.policy.mapping == (
        GroupRole("gaia-staff", "gaia", Role.MEMBER),
        GroupRole("gaia-chairs", "gaia", Role.LEAD),
    )
    assert (oidc.policy.newcomers, oidc.policy.link_by_email) == (Newcomers.ALL, True)
    assert "hush" not in repr(oidc) + repr(oidc.registration)


def test_without_an_institution_nobody_is_linked_or_let_in(written):
    assert written("").oidc is None
    plain = written('[oidc]\nissuer = "http://localhost:9400"\nclient_id = "almanac"\n').oidc.policy
    assert (plain.newcomers, plain.link_by_email, plain.mapping) == (Newcomers.MAPPED, False, ())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('issuer = "http://id.example.org"', "oidc.issuer"),
        ('issuer = "id.example.org"', "oidc.issuer"),
        ('client_secret = "hush"', "oidc.client_secret"),
        ('newcomers = "some"', "oidc.newcomers"),
        ('groups = [{ group = "g", project = "Not A Name" }]', "oidc.groups.0.project"),
        ('groups = [{ group = "g", project = "gaia", role = "operator" }]', "oidc.groups.0.role"),
    ],
)
def test_what_is_wrong_with_an_institution_is_named(written, line, says):
    whole = {"issuer": 'issuer = "https://id.example.org"', "client_id": 'client_id = "almanac"'}
    whole[line.partition(" ")[0]] = line
    with pytest.raises(BadRequest) as wrong:
        written("[oidc]\n" + "\n".join(whole.values()))
    assert says in wrong.value.message
    assert "hush" not in wrong.value.message


def test_the_plan_is_off_until_an_operator_turns_it_on(tmp_path):
    assert load(state=tmp_path).planning.dials is None
    (tmp_path / "almanac.toml").write_text(
        '[planning]\nenabled = true\nzone = "Europe/Madrid"\nfloor = {notebook = 2}\n'
    )
    dials = load(state=tmp_path).planning.dials
    assert dials is not None
    assert (dials.zone, dials.floor, dials.missing) == ("Europe/Madrid", {"notebook": 2}, 30.0)


def test_terms_are_days_on_the_calendar_of_the_plans_zone(written):
    easter = '[[planning.terms]]\nkind = "easter"\nfirst = 2027-03-20\nlast = 2027-04-04\nfactor = 0.3\n'
    (term,) = written('[planning]\nenabled = true\nzone = "Europe/Madrid"\n' + easter).planning.dials.terms
    assert (term.kind, term.factor) == ("easter", 0.3)
    assert term.window.start == datetime(2027, 3, 19, 23, tzinfo=UTC)
    assert term.window.end == datetime(2027, 4, 4, 22, tzinfo=UTC)
    backwards = written("[planning]\nenabled = true\n" + easter.replace("2027-04-04", "2027-03-04"))
    with pytest.raises(BadRequest, match="2027-03-04 is before 2027-03-20"):
        _ = backwards.planning.dials


@pytest.mark.parametrize("wrong", ["missing = 0.5", "at_once = 1", "floor = {notebook = -1}", "surplus = 3"])
def test_settings_of_the_plan_that_make_no_sense_are_named(tmp_path, wrong):
    (tmp_path / "almanac.toml").write_text(f"[planning]\n{wrong}\n")
    with pytest.raises(BadRequest, match=f"planning.{wrong.split()[0]}"):
        load(state=tmp_path)


MAIL = """
[mail]
host = "mail.example.org"
sender = "almanac@example.org"
user = "almanac"
"""


def test_a_mail_server_and_its_password_from_the_environment_only(written, monkeypatch):
    monkeypatch.setenv("ALMANAC_MAIL_PASSWORD", "hush")
    mail = written(MAIL).mail
    wanted = MailServer("mail.example.org", 587, "almanac@example.org", Security.STARTTLS, "almanac", "hush")
    assert mail.server == wanted
    assert "hush" not in repr(mail) + repr(mail.server)
    assert written("").mail is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('security = "none"', "with security = none a password would be read along"),
        ('password = "hush"', "mail.password"),
        ('security = "some"', "mail.security"),
        ('timeout = "10m"', "mail.timeout"),
        ("port = 0", "mail.port"),
    ],
)
def test_a_mail_server_that_is_not_right_is_said(written, more, words):
    with pytest.raises(BadRequest) as refused:
        written(MAIL + more)
    assert words in refused.value.message
    assert "hush" not in refused.value.message


def test_a_sender_is_an_address(written):
    with pytest.raises(BadRequest, match=r"mail\.sender"):
        written('[mail]\nhost = "mail.example.org"\nsender = "Almanac <almanac@example.org>"\n')
