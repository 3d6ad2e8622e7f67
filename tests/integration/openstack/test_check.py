"""``almanac site check`` on a real cloud: what is there, and each thing that an operator may find missing."""

from __future__ import annotations

import secrets
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography.fernet import Fernet
from openstack.connection import Connection
from tests.support.standin import standing_in
from tests.support.tenant import USUAL

from almanac.core.catalogue import Profile
from almanac.core.resources import Flavor, Resources
from almanac.services.nodes import Nodes, Told
from almanac.services.vault import Vault
from almanac.sites.openstack.check import steps
from almanac.sites.openstack.check_boot import Booting
from almanac.sites.openstack.checking import Finding, Needs, Outcome, Trial, carried_out
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings
from almanac.sites.openstack.site import OpenStackSite
from almanac.storage.database import Database

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]  # the first test may have to start the cloud

SHAPES = (Flavor("head", Resources(1, 1024, 2)), Flavor("worker", Resources(4, 8192, 8)))
PROFILES = (Profile("notebook", "", "head"), Profile("spark", "", "head", "worker", workers=2, max_workers=2))
NEEDS = Needs(PROFILES, SHAPES)


@pytest.fixture
def tenant(shared):
    return shared


def clock() -> datetime:
    return datetime.now(UTC)


def trial(settings: OpenStackSettings, needs: Needs = NEEDS, url: str = "http://10.0.0.1:8484") -> Trial:
    return Trial(Cloud(settings), settings, needs, url, clock)


def found(one: Trial, *titles: str) -> dict[str, Finding]:
    """What the steps of these titles (all, if none is given) find."""
    return {step.title: carried_out(step) for step in steps(one) if not titles or step.title in titles}


def test_a_member_without_any_other_role_is_enough(tenant, monkeypatch):
    resolve = socket.getaddrinfo

    def resolved(host: str, *more, **named):
        return resolve("127.0.0.1" if host == "almanac.test" else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with standing_in() as almanac:
        almanac.says({"status": "ok", "version": "1", "loop": {}})
        one = trial(tenant.settings(), url=almanac.url.replace("127.0.0.1", "almanac.test"))
        seen = found(one)
    assert {title: finding.outcome for title, finding in seen.items()} == dict.fromkeys(seen, Outcome.OK)
    assert f"Signed in as {tenant.project.name}" in seen["credentials"].says
    assert "Nova, Neutron, Glance and Blazar" in seen["services"].says
    assert "one big host: 40 cores, 128 GiB" in seen["capacity"].says
    assert "With node-local NVMe: m.nvme." in seen["flavors"].says
    assert "notebook (1 x m.tiny), spark (1 x m.tiny + 2 x m.medium)" in seen["profiles"].says
    assert "20 instances" in seen["quota"].says
    assert "A lease of one m.tiny was made and ended (kind flavor:instance)." in seen["lease"].says
    assert tenant.left() == ""


def test_an_account_that_may_more_than_it_needs_is_told_so(tenant):
    settings = replace(tenant.settings(), cloud="admin", clouds_file=tenant.running.clouds_yaml)
    seen = found(trial(settings), "credentials", "capacity")
    assert seen["credentials"].outcome is Outcome.NOTE
    assert "admin is more than Almanac needs" in seen["credentials"].says
    assert "hosts can be reserved" in seen["capacity"].says


def test_a_wrong_password(tenant, tmp_path):
    entry = yaml.safe_load(tenant.project.clouds_yaml.read_text())
    entry["clouds"][tenant.project.name]["auth"]["password"] = "not this one"
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(entry))
    first = next(steps(trial(replace(tenant.settings(), clouds_file=tmp_path / "wrong.yaml"))))
    finding = carried_out(first)
    assert first.needed
    assert finding.outcome is Outcome.FAILED
    assert "clouds.yaml" in finding.says
    assert finding.mend.startswith("You: the entry's 'auth_url', name and password must be right")


@pytest.fixture
def delegated(tenant, tmp_path):
    """Settings with an application credential in place of the password."""

    def make(*, unrestricted: bool) -> OpenStackSettings:
        member: Connection = tenant.project.connection
        made = member.identity.create_application_credential(
            user=tenant.project.user_id, name=f"almanac-{unrestricted}", unrestricted=unrestricted
        )
        entry = yaml.safe_load(tenant.project.clouds_yaml.read_text())["clouds"][tenant.project.name]
        auth = {
            "auth_url": entry["auth"]["auth_url"],
            "application_credential_id": made.id,
            "application_credential_secret": made.secret,
        }
        path = tmp_path / f"{unrestricted}.yaml"
        entry = {name: value for name, value in entry.items() if name != "auth"}
        entry |= {"auth_type": "v3applicationcredential", "auth": auth}
        path.write_text(yaml.safe_dump({"clouds": {"delegated": entry}}))
        return replace(tenant.settings(), cloud="delegated", clouds_file=path)

    return make


@pytest.mark.parametrize("unrestricted", [False, True])
def test_an_application_credential_that_can_make_no_trust(delegated, tenant, unrestricted):
    """Keystone of 2026 lets none make trusts, restricted or not; Blazar only says "Internal Server Error"."""
    lease = found(trial(delegated(unrestricted=unrestricted)), "lease")["lease"]
    assert lease.outcome is Outcome.FAILED
    assert "Keystone refuses one" in lease.says
    assert "is an application credential" in lease.says
    assert lease.mend.startswith("You: put an account with a password into clouds.yaml")
    assert tenant.leases() == []


def test_reservations_that_nobody_wants_are_best_effort(tenant):
    seen = found(trial(tenant.settings(lease_kind=LeaseKind.NONE)), "services", "capacity", "lease")
    assert seen["services"].outcome is Outcome.NOTE
    assert "best effort, not reserved" in seen["services"].says
    assert seen["lease"].outcome is Outcome.SKIPPED


@pytest.fixture
def without_blazar(tenant):
    """The project's catalog has everything but Blazar, by Keystone's endpoint filter."""
    identity = tenant.running.admin.identity
    services = {service.id: service.type for service in identity.services()}
    others = [one.id for one in identity.endpoints() if services[one.service_id] != "reservation"]
    paths = [f"/OS-EP-FILTER/projects/{tenant.project.id}/endpoints/{one}" for one in others]
    for path in paths:
        identity.put(path)
    yield tenant
    for path in paths:
        identity.delete(path)


def test_a_catalog_without_blazar(without_blazar):
    seen = found(trial(without_blazar.settings()), "services", "lease")
    assert seen["services"].outcome is Outcome.NOTE
    assert "There is no Blazar endpoint: bookings work here, but best effort, not reserved." in seen["services"].says
    assert "can install Blazar" in seen["services"].mend
    assert seen["lease"].outcome is Outcome.SKIPPED


@pytest.fixture
def modest(tenant):
    """The project with a small quota."""
    tenant.limit(cores=2, instances=2, ram=4096)
    yield tenant
    tenant.limit(**USUAL)


def test_a_quota_that_is_too_small(modest):
    seen = found(trial(modest.settings()), "profiles", "quota")
    assert seen["profiles"].outcome is Outcome.NOTE
    assert "Can be booked: notebook (1 x m.tiny)." in seen["profiles"].says
    assert "spark: no flavor has 4 cores, 8 GiB of memory" in seen["profiles"].says
    assert seen["quota"].outcome is Outcome.FAILED
    assert "allows 2 instances where the largest profile takes 3" in seen["quota"].says
    assert "can raise it" in seen["quota"].mend
    spark = trial(modest.settings(), Needs(PROFILES[1:], SHAPES))
    assert found(spark, "profiles")["profiles"].outcome is Outcome.FAILED


def test_flavors_without_nvme_and_shapes_that_no_flavor_has(tenant):
    gpu = Flavor("gpu", Resources(1, 1024, 1, gpus=1))
    needs = Needs((*PROFILES, Profile("deep", "", "gpu"), Profile("odd", "", "nameless")), (*SHAPES, gpu))
    seen = found(trial(tenant.settings(flavors=("m.tiny", "m.medium")), needs), "flavors", "profiles")
    assert seen["flavors"].outcome is Outcome.NOTE
    assert "None says that it has node-local NVMe" in seen["flavors"].says
    assert (
        "deep: no flavor has 1 core, 1 GiB of memory and 1 GPU; odd: no flavor has the name nameless"
        in seen["profiles"].says
    )


def test_an_image_that_is_missing_or_too_large(tenant):
    missing = found(trial(tenant.settings(image="debian-95")), "image")["image"]
    assert missing.outcome is Outcome.FAILED
    assert "debian-12" in missing.mend
    member = tenant.project.connection
    name, form = f"large-{tenant.project.name}", {"container_format": "bare", "disk_format": "raw"}
    large = member.image.create_image(name=name, min_disk=15, data=b"x", **form)
    try:
        finding = found(trial(tenant.settings(image=large.name)), "image")["image"]
        assert "too large for m.tiny" in finding.says
        fine = found(trial(tenant.settings(image=large.id, flavors=("m.small", "m.medium"))), "image")["image"]
        assert fine.outcome is Outcome.OK
    finally:
        member.image.delete_image(large)


def test_an_address_that_machines_can_not_reach(tenant):
    loopback = found(trial(tenant.settings(), url="http://127.0.0.1:8484"), "address")["address"]
    assert "this machine only from here" in loopback.says
    assert "public_url" in loopback.mend
    nobody = found(trial(tenant.settings(), url="http://almanac.invalid"), "address")["address"]
    assert nobody.outcome is Outcome.FAILED
    assert "No Almanac answers at http://almanac.invalid" in nobody.says


def test_a_network_that_is_not_there(tenant):
    finding = found(trial(tenant.settings(network="nowhere")), "network")["network"]
    assert finding.outcome is Outcome.FAILED
    assert "nowhere" in finding.says
    assert "'network'" in finding.mend


@pytest.fixture
def router(tenant):
    """Joins the project's network to the outside, once it is called."""
    network, made = tenant.running.admin.network, []

    def join() -> None:
        gateway = {"network_id": network.find_network("public").id}
        made.append(network.create_router(project_id=tenant.project.id, external_gateway_info=gateway))
        subnet = next(network.subnets(project_id=tenant.project.id))
        network.add_interface_to_router(made[0], subnet=subnet.id)

    yield join
    for one in made:
        for port in network.ports(device_id=one.id, device_owner="network:router_interface"):
            network.remove_interface_from_router(one, port=port.id)
        network.delete_router(one)


def test_an_address_outside_needs_a_router(tenant, router):
    settings = tenant.settings(floating_network="public")
    lacking = found(trial(settings), "network")["network"]
    assert lacking.outcome is Outcome.FAILED
    assert "Does a router join it to 'public'?" in lacking.mend
    router()
    assert "reached from outside at 198.51.100." in found(trial(settings), "network")["network"].says
    assert tenant.left() == ""


def test_what_a_broken_off_check_left_is_removed_by_the_next(tenant):
    one = trial(tenant.settings())
    lease = {
        "name": "almanac/check/left",
        "start_date": "2036-01-01 10:00",
        "end_date": "2036-01-01 11:00",
        "events": [],
    }
    flavor = next(f for f in tenant.running.admin.compute.flavors() if f.name == "m.tiny")
    line = {"resource_type": "flavor:instance", "flavor_id": flavor.id, "amount": 1, "affinity": None}
    tenant.cloud.call("reservation", "POST", "/leases", "leave one", lease | {"reservations": [line]})
    group = {"security_group": {"name": "almanac/check/left"}}
    tenant.cloud.call("network", "POST", "/security-groups", "leave one", group)
    assert tenant.left()
    assert found(one, "network", "lease")["lease"].outcome is Outcome.OK
    assert tenant.left() == ""


# --- booting ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nodes(sqlite_template, tmp_path):
    """Where machines report."""
    database = Database(f"sqlite:///{tmp_path / 'almanac.db'}")
    database.migrate()
    yield Nodes(database, Vault(Fernet.generate_key()), clock, tmp_path / "storage")
    database.close()


class Agent:
    """In place of a machine's agent (fake hypervisors run none): calls back as soon as its user-data is made."""

    def __init__(self, nodes: Nodes, *, calls: bool) -> None:
        self._nodes = nodes
        self._calls = calls

    def __call__(self, url: str, cluster: str, node: str, token: str) -> str:
        if self._calls:
            threading.Thread(target=self._live, args=(token,)).start()
        return "#cloud-config\n"

    def _live(self, token: str) -> None:
        own = f"almn_{secrets.token_urlsafe(32)}"
        self._nodes.join(token, own, "10.0.0.9", {"cores": 1, "scratch": "NVMe, 100 GiB"})
        self._nodes.report(own, Told(facts={"cores": 1, "scratch": "NVMe, 100 GiB"}, finished=True))


def boot(tenant, nodes, tmp_path, *, calls: bool) -> Finding:
    settings = tenant.settings(join_within=timedelta(seconds=90 if calls else 5))
    desk = nodes.desk("east.check", "http://10.0.0.1:8484")
    patient = replace(settings, join_within=settings.join_within * 2)
    site = OpenStackSite("east", patient, desk, tmp_path / "site", clock, user_data=Agent(nodes, calls=calls))
    booting = Booting(trial(settings), site, desk)
    finding = carried_out(next(booting.steps()))
    site.close()
    return finding


def test_a_machine_boots_and_reports_back(tenant, nodes, tmp_path):
    finding = boot(tenant, nodes, tmp_path, calls=True)
    assert finding.outcome is Outcome.OK, finding
    assert "A machine (m.tiny) booted and reported back" in finding.says
    assert "scratch: NVMe, 100 GiB" in finding.says
    assert tenant.left() == ""


def test_a_machine_that_never_calls_is_given_up_and_removed(tenant, nodes, tmp_path):
    finding = boot(tenant, nodes, tmp_path, calls=False)
    assert finding.outcome is Outcome.FAILED
    assert "hasn't called http://10.0.0.1:8484 within 5 s" in finding.says
    assert "cloud-init" in finding.mend
    assert tenant.left() == ""
