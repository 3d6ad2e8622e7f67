"""A cloud in trouble: what is said meanwhile, and that it converges afterwards and leaks nothing."""

from __future__ import annotations

import threading
import time

import pytest
from tests.support.sky import HOUR, Sky, again, until
from tests.support.tenant import Tenant

from almanac.core.ports import ClusterState, LeaseState, Permanent, Temporary

pytestmark = [pytest.mark.cloud, pytest.mark.turn(-2), pytest.mark.timeout(900)]


@pytest.fixture
def running(unlucky_cloud):
    return unlucky_cloud


@pytest.fixture(scope="module")
def _of_all(unlucky_cloud, tmp_path_factory):
    made = Tenant(unlucky_cloud, tmp_path_factory.mktemp("project"))
    yield made
    made.close()


@pytest.fixture
def tenant(_of_all):
    yield _of_all
    _of_all.sweep()


@pytest.fixture
def mended(running, tenant):
    """Whoever runs Blazar ends what its killed manager left half-made."""
    yield
    running.end_half_made(tenant.project)


def active(sky):
    return [one for one in sky.site.observe().leases if one.state is LeaseState.ACTIVE and one.whole]


def hold_again_and_again(sky, wanted):
    """Until something happens."""
    while True:
        list(sky.site.hold(wanted))
        sky.site.give_back({"lease": wanted.id})


def runs_in_the_end(sky):
    """As the loop does: look, and start what isn't whole, until it is ready."""
    deadline = time.monotonic() + 300
    while True:
        [seen] = again(sky.site.observe).clusters
        if seen.state is ClusterState.READY:
            return
        assert time.monotonic() < deadline, seen
        if not seen.whole:
            again(lambda: list(sky.site.start(sky.spec())))
        time.sleep(1)


def until_told(steps, words):
    """Try as the loop does until it is said why it can't be."""
    deadline, told = time.monotonic() + 300, ""
    while words not in told:
        assert time.monotonic() < deadline, told
        try:
            list(steps())
        except Temporary as trouble:
            told = trouble.reason
        time.sleep(1)


def usable(sky):
    """What our leases hold, by flavor."""
    found = [one for one in sky.site._ground.leases._blazar.leases(sky.clock()) if one.usable]
    return sorted((one.name.rpartition("/")[2], one.amount) for one in found)


def test_blazars_manager_is_killed_while_it_makes_a_lease(sky, mended, running):
    wanted = sky.order(start=HOUR, head="m.medium")
    killer = threading.Timer(0.7, running.kill, ["blazar-manager"])
    killer.start()
    with pytest.raises(Temporary, match="Blazar"):
        hold_again_and_again(sky, wanted)
    killer.join()
    running.start("blazar-manager")
    again(lambda: list(sky.site.hold(wanted)))
    assert usable(sky) == [("m.medium", 1), ("m.small", 1)]
    [seen] = sky.site.observe().leases
    assert (seen.window, seen.whole) == (wanted.window, True)


def test_the_message_broker_is_restarted_between_lease_and_start(sky, running):
    again(lambda: list(sky.site.hold(sky.order())))
    running.restart("rabbitmq")
    until(lambda: active(sky), "never active")
    again(lambda: list(sky.site.start(sky.spec())))
    runs_in_the_end(sky)


def test_a_reservation_that_novas_scheduler_never_heard_of_is_exchanged(sky, running, tenant):
    again(lambda: list(sky.site.hold(sky.order())))
    [unheard] = tenant.leases()
    with running.frozen("nova-scheduler"):
        running.restart("rabbitmq")
        until(lambda: active(sky), "never active")
    until_told(
        lambda: sky.site.start(sky.spec()),
        "Nova found no place for head and worker-1 in what Blazar had reserved",
    )
    again(lambda: list(sky.site.start(sky.spec())))
    runs_in_the_end(sky)
    [lease] = tenant.leases()
    assert lease["id"] != unheard["id"]


def test_novas_scheduler_is_away_while_machines_are_asked_for(sky, running):
    again(lambda: list(sky.site.hold(sky.order())))
    until(lambda: active(sky), "never active")
    with running.without("nova-scheduler"):
        again(lambda: list(sky.site.start(sky.spec())))
        [seen] = again(sky.site.observe).clusters
        assert seen.state is ClusterState.STARTING
        assert "building the machine head" in seen.doing
    runs_in_the_end(sky)


def test_tokens_are_revoked_in_mid_build(sky, running, tenant):
    again(lambda: list(sky.site.hold(sky.order())))
    until(lambda: active(sky), "never active")
    steps = sky.site.start(sky.spec())
    next(steps)
    running.expire_tokens(tenant.project)
    again(lambda: list(sky.site.start(sky.spec())))
    runs_in_the_end(sky)


def test_a_changed_password_is_said_and_the_new_one_is_read(sky, running, tenant):
    clouds = tenant.project.clouds_yaml
    before = clouds.read_text()
    clouds.write_text(before.replace(tenant.project.password, "not the password"))
    sky.site._cloud.close()
    with pytest.raises(Temporary, match=r"clouds\.yaml"):
        sky.site.observe()
    clouds.write_text(before)
    assert sky.site.observe().leases == ()


def test_an_entry_that_is_not_there_is_named(tenant, tmp_path):
    sky = Sky(tenant, tmp_path)
    elsewhere = Sky(tenant, tmp_path, cloud="elsewhere")
    with pytest.raises(Permanent, match="elsewhere"):
        elsewhere.site.capacity()
    sky.close()
    elsewhere.close()


def test_nova_is_down_and_nothing_is_taken_for_gone(sky, running):
    again(lambda: list(sky.site.hold(sky.order())))
    until(lambda: active(sky), "never active")
    with running.without("nova-api"):
        time.sleep(1.1)  # what was seen a second ago is seen still
        with pytest.raises(Temporary, match="Nova"):
            sky.site.observe()
        with pytest.raises(Temporary, match="Nova"):
            list(sky.site.start(sky.spec()))
    again(lambda: list(sky.site.start(sky.spec())))
    runs_in_the_end(sky)


def test_machines_that_stay_in_deletion_are_waited_for_with_their_lease(sky, running, tenant):
    again(lambda: list(sky.site.hold(sky.order())))
    until(lambda: active(sky), "never active")
    again(lambda: list(sky.site.start(sky.spec())))
    runs_in_the_end(sky)
    with running.without("nova-compute"):
        until_told(lambda: sky.site.stop({"cluster": "c-1"}), "The cloud is still deleting machines.")
        assert [one["OS-EXT-STS:task_state"] for one in tenant.servers()] == ["deleting"] * 2
        assert [one.id for one in again(sky.site.observe).clusters] == ["c-1"]
        assert active(sky)
    again(lambda: list(sky.site.stop({"cluster": "c-1"})))
    assert again(sky.site.observe).clusters == ()


def test_what_blazar_leaves_in_nova_is_named_for_whoever_runs_it(sky, running, tenant):
    wanted = sky.order(start=HOUR)
    with running.without_resource_classes(), pytest.raises(Temporary, match="Failed to create resource class"):
        list(sky.site.hold(wanted))
    assert tenant.leases() == []
    said = sky.site.capacity().leftovers
    left = [group.name for group in running.admin.compute.aggregates() if any(group.name in one for one in said)]
    assert len(left) == len(said) > 0
    for name in left:
        assert running.admin.compute.get_flavor(name).name == f"reservation:{name}"
        running.forget_reservation(name)
    again(lambda: list(sky.site.hold(wanted)))
    assert usable(sky) == [("m.small", 2)]
