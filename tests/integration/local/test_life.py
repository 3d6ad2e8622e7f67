"""A cluster's life on this machine: started, found again, mended, ended; with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from tests.support.lab import NODE, PYTHON, ROOT, Lab, command, small_services

from almanac.core.ports import ClusterState, NoRoom, Permanent, Temporary
from almanac.sites.local.site import LocalSite
from almanac.spark.runtime import NoJava
from almanac.spark.service import Service


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        return answer.read().decode()


RUNAWAY = f"runaway-{os.getpid()}"
SLY = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sleep", ["{RUNAWAY}", "600"], {{}})
time.sleep(600)
"""


@contextmanager
def taken(port: int):
    """Another program listens on a port."""
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            try:
                taker.bind(("127.0.0.1", port))
                break
            except OSError:
                time.sleep(0.02)  # what held it isn't quite gone yet
        taker.listen()
        yield


def test_a_cluster_answers_on_its_endpoints_and_leaves_nothing(lab):
    seen = lab.up(workers=2, seats=2)
    assert seen.done == seen.total == 6
    assert fetch(f"http://{seen.endpoints['connect']}/hello.txt") == "I am connect"
    assert fetch(f"{seen.endpoints['notebook:seat-2']}/hello.txt") == "I am notebook-seat-2"
    assert lab.stop() == [{"cluster": "c-1"}] * 3
    assert lab.left() == []
    assert lab.seen() is None


def test_services_start_in_their_order(lab):
    lab.up(workers=2)
    since = {
        name: service["since"]
        for name, service in json.loads((lab.control() / "status.json").read_text())["services"].items()
    }
    assert since["master"] <= min(since["connect"], since["worker-1"], since["worker-2"])


def test_clusters_outlive_almanac_and_are_found_again(lab, state):
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.support.lab import Lab\n"
        "lab = Lab(Path(sys.argv[1])); lab.up(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, state], check=False)
    assert done.returncode == -signal.SIGKILL
    seen = lab.seen()
    assert seen.state is ClusterState.READY
    assert fetch(f"http://{seen.endpoints['connect']}/hello.txt") == "I am connect"


def test_killed_services_are_started_again(lab):
    lab.up()
    for name in ("connect", "worker-1"):
        (victim,) = [pid for pid in lab.processes(saying=f"run/{name}") if b"http.server" in command(pid)]
        os.kill(victim, signal.SIGKILL)
        again = partial(lab.processes, saying=f"run/{name}")
        lab.until(lambda again=again, victim=victim: again() not in ([], [victim]), f"{name} is not started again")
    lab.ready()
    services = json.loads((lab.control() / "status.json").read_text())["services"]
    assert (services["connect"]["restarts"], services["connect"]["last_exit"]) == (1, "signal SIGKILL")
    assert services["master"]["restarts"] == 0


def test_a_service_that_keeps_failing_says_why(make_lab):
    def render(cluster, node, layout):
        *others, last = small_services(cluster, node, layout)
        failing = (PYTHON, "-S", "-c", "print('so far so good'); raise ValueError('the stars are wrong')")
        return (*others, replace(last, argv=failing))

    lab = make_lab(render=render)
    lab.start(lab.spec(workers=0))
    seen = lab.until(lambda: (seen := lab.seen()).reason and seen)
    assert "The notebook of seat 1 ended (exit status 1) and was started again" in seen.reason
    assert "ValueError: the stars are wrong" in seen.reason
    assert (seen.state, seen.done, seen.total) == (ClusterState.STARTING, 0, 1)


def test_a_program_that_is_missing_is_named(make_lab):
    lab = make_lab(render=lambda *a: tuple(replace(s, argv=("/no/such/java",)) for s in small_services(*a)))
    lab.start(lab.spec(workers=0))
    seen = lab.until(lambda: (seen := lab.seen()).reason and seen)
    assert "/no/such/java" in seen.reason


def test_a_degraded_cluster_says_so(make_lab, tmp_path):
    fuse = tmp_path / "state" / "shared" / "fuse"

    def render(cluster, node, layout):
        fused = f"test ! -e {fuse} && exec {PYTHON} -S -m http.server --bind 127.0.0.1 {layout.ports.get('connect')}"
        return tuple(
            replace(s, argv=("/bin/sh", "-c", fused)) if s.name == "connect" else s
            for s in small_services(cluster, node, layout)
        )

    lab = make_lab(render=render)
    lab.up()
    fuse.touch()
    (victim,) = [pid for pid in lab.processes(saying="127.0.0.1") if b"connect" in Path(f"/proc/{pid}/environ").read_bytes()
                 and b"http.server" in command(pid) and b"/run/" not in command(pid)]  # fmt: skip
    os.kill(victim, signal.SIGTERM)
    seen = lab.until(lambda: (seen := lab.seen()).state is ClusterState.DEGRADED and seen.reason and seen)
    assert seen.done == seen.total - 1
    assert "Spark Connect" in seen.reason
    fuse.unlink()
    lab.ready()


def test_everything_ends_with_the_keeper_and_a_start_rebuilds_on_the_same_ports(lab):
    before = lab.up()
    (keeper, *_) = lab.processes(saying="sites.local.keeper")
    os.kill(keeper, signal.SIGKILL)
    lab.until(lambda: not lab.processes(saying="http.server"), "services outlive their keeper")
    seen = lab.seen()
    assert (seen.state, seen.done) == (ClusterState.DEAD, 0)
    assert "keeper is gone" in seen.reason
    lab.start(lab.spec())
    after = lab.ready()
    assert after.endpoints == before.endpoints
    assert fetch(f"http://{after.endpoints['connect']}/hello.txt") == "I am connect"


def test_a_port_taken_meanwhile_is_replaced(lab):
    before = lab.up()
    for keeper in lab.processes(saying="sites.local.keeper"):
        os.kill(keeper, signal.SIGKILL)
    lab.until(lambda: not lab.processes())
    with taken(int(before.endpoints["connect"].rpartition(":")[2])):
        lab.start(lab.spec())
        after = lab.ready()
    assert after.endpoints["connect"] != before.endpoints["connect"]
    assert fetch(f"http://{after.endpoints['connect']}/hello.txt") == "I am connect"


def test_a_second_keeper_ends_at_once(lab):
    lab.up()
    keeper = [sys.executable, "-m", "almanac.sites.local.keeper", lab.control()]
    assert subprocess.run(keeper, check=False, timeout=30).returncode == 0
    assert len(lab.processes(saying="http.server")) == 4
    assert lab.seen().state is ClusterState.READY


def test_starting_a_running_cluster_again_changes_nothing(lab):
    lab.up()
    before = lab.processes()
    lab.start(lab.spec())
    time.sleep(0.5)
    assert lab.processes() == before


def test_a_warm_cluster_given_to_a_person_gets_the_files_without_a_restart(lab):
    ada = lab.site.storage / "gaia/people/ada"
    ada.mkdir(parents=True)
    (ada / "sky.ipynb").write_text("stars")
    lab.up()
    before = lab.processes()
    lab.start(lab.given(lab.spec(), "gaia/people/ada"))
    assert (lab.home() / "sky.ipynb").read_text() == "stars"
    assert lab.processes() == before
    if ROOT:
        assert lab.home().stat().st_uid == (lab.home() / "sky.ipynb").stat().st_uid >= 64100
    with pytest.raises(Permanent, match="another person's files"):
        lab.start(lab.given(lab.spec(), "gaia/people/grace"))


def test_a_cluster_grows_and_shrinks_without_a_restart(lab):
    before = lab.up(workers=1, seats=1)
    connect = lab.processes(saying="run/connect")
    lab.start(lab.spec(workers=2, seats=2))
    grown = lab.until(lambda: (seen := lab.seen()).done == 6 and seen)
    assert grown.endpoints["connect"] == before.endpoints["connect"]
    assert fetch(f"{grown.endpoints['notebook:seat-2']}/hello.txt") == "I am notebook-seat-2"
    lab.start(lab.spec(workers=1, seats=1))
    shrunk = lab.until(lambda: (seen := lab.seen()).total == 4 and seen)
    assert shrunk.endpoints == before.endpoints
    lab.until(lambda: not lab.processes(saying="run/worker-2"))
    assert lab.processes(saying="run/connect") == connect


def test_use_is_noticed(make_lab):
    busy = (PYTHON, "-S", "-c", "while True: pass")
    lab = make_lab(
        render=lambda c, n, layout: (
            *small_services(c, n, layout),
            Service("calm", ("sleep", "7")),
            Service("busy", ("/bin/sh", "-c", 'sleep 13; exec "$0" "$@"', *busy)),
        )
    )
    seen = lab.up(workers=0)
    assert seen.last_active is None
    began = datetime.now(UTC)
    active = lab.until(lambda: lab.seen().last_active)
    assert active > began
    for keeper in lab.processes(saying="sites.local.keeper"):
        os.kill(keeper, signal.SIGKILL)
    lab.until(lambda: not lab.processes())
    lab.start(lab.spec(workers=0))
    assert lab.ready().last_active >= active


def test_only_what_this_almanac_made_is_ended(lab, make_lab, tmp_path):
    other = make_lab(tmp_path / "other")
    other.up()
    theirs = other.processes()
    with subprocess.Popen(["sleep", "600"]) as bystander:
        lab.up()
        lab.stop()
        assert lab.left() == []
        assert other.processes() == theirs
        assert other.seen().state is ClusterState.READY
        assert bystander.poll() is None
        bystander.kill()
    assert other.site.instance != lab.site.instance


def test_after_a_reboot_the_files_are_still_saved(lab):
    lab.start(lab.given(lab.spec(), "gaia/people/ada", "gaia/logs/b-1"))
    lab.ready()
    (lab.home() / "new.txt").write_text("found a quasar")
    for pid in lab.processes(saying="sites.local.keeper"):
        with suppress(ProcessLookupError):  # what made the namespace takes the keeper with it
            os.kill(pid, signal.SIGKILL)
    lab.until(lambda: not lab.processes())
    status = lab.control() / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"boot": "another"}))
    assert lab.seen().reason == "The machine was restarted."
    lab.stop()
    assert (lab.site.storage / "gaia/people/ada/new.txt").read_text() == "found a quasar"
    assert (lab.site.storage / "gaia/logs/b-1/connect.log").exists()


def test_a_service_that_does_not_end_is_killed(make_lab):
    deaf = (PYTHON, "-S", "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    lab = make_lab(render=lambda *a: (*small_services(*a), Service("deaf", deaf)))
    lab.up(workers=0)
    lab.stop()
    assert lab.left() == []


def test_what_a_service_leaves_behind_ends_with_the_cluster(make_lab):
    lab = make_lab(render=lambda *a: (*small_services(*a), Service("sly", (PYTHON, "-S", "-c", SLY))))
    lab.up(workers=0)
    lab.until(runaways)
    lab.stop()
    assert runaways() == []


def runaways() -> list[int]:
    return [
        int(p.name)
        for p in Path("/proc").iterdir()
        if p.name.isdigit() and command(int(p.name)) == f"{RUNAWAY} 600 ".encode()
    ]


def test_logs_by_service_and_line(lab):
    lab.up()
    fetch(f"http://{lab.seen().endpoints['connect']}/hello.txt")
    lab.until(lambda: "hello.txt" in lab.site.logs({"cluster": "c-1"}, "connect", 50)["connect"])
    assert set(lab.logs()) == {"master", "connect", "worker-1", "notebook-seat-1", "keeper"} | (
        {"relays"} if ROOT else set()
    )
    assert len(lab.site.logs({"cluster": "c-1"}, "connect", 1)["connect"].splitlines()) == 1
    assert lab.site.logs({"cluster": "c-1"}, "connect", 0) == {}
    assert lab.site.logs({"cluster": "gone"}, None, 5) == {}


def test_secrets_are_on_no_command_line_and_in_no_file_that_others_read(lab):
    lab.up()
    lines = b"".join(command(pid) for pid in lab.processes())
    assert not [secret for secret in (b"secret of", b"connect-secret", b"token-1") if secret in lines]
    for file in lab.control().iterdir():
        if file.is_file():
            assert file.stat().st_mode & 0o077 == 0, file


def test_bad_input_is_explained(lab):
    spec = lab.spec()
    with pytest.raises(Permanent, match="can't be a cluster's id"):
        lab.start(replace(spec, id="../../etc"))
    with pytest.raises(Permanent, match="not a place in the site's storage"):
        lab.start(lab.given(spec, "/etc"))
    with pytest.raises(Permanent, match="not a place in the site's storage"):
        lab.start(lab.given(spec, "gaia/../../../etc"))
    with pytest.raises(Permanent, match="not a place in the site's storage"):
        lab.start(lab.given(spec, "gaia/people/ada", logs=".."))
    with pytest.raises(Temporary, match="isn't held here"):
        lab.start(replace(spec, lease="nobody's"))
    with pytest.raises(Permanent, match="'closed' or 'open'"):
        Lab(lab.state, network="ajar")
    assert lab.site.observe().clusters == ()


def test_a_lease_larger_than_the_machine_is_refused(lab):
    with pytest.raises(NoRoom, match=r"more than this machine has: 10001 cores of \d+, 2560256 memory_mib of \d+"):
        lab.spec(workers=10_000)


def test_capacity_is_this_machine(lab):
    capacity = lab.site.capacity()
    (host,) = capacity.hosts
    assert host.resources.cores == 4 * len(os.sched_getaffinity(0))
    assert 0 < host.resources.memory_mib < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    assert capacity.flavors == (NODE,)
    assert capacity.isolation


def test_no_java_is_temporary_and_says_what_to_install(lab):
    def no_java():
        raise NoJava

    spec = lab.spec()
    site = LocalSite("here", lab.state, (NODE,), no_java, lab.settings, lab.render)
    with pytest.raises(Temporary, match="openjdk-17-jre-headless"):
        list(site.start(spec))
    assert lab.seen().state is ClusterState.DEAD
    assert lab.seen().reason == "It has not been started yet."


def test_an_open_network_needs_no_relay(make_lab):
    lab = make_lab(network="open")
    seen = lab.up()
    assert fetch(f"http://{seen.endpoints['connect']}/hello.txt") == "I am connect"
    assert "shared with this machine" in lab.site.capacity().isolation or not ROOT
    port = int(seen.endpoints["connect"].rpartition(":")[2])
    for keeper in lab.processes(saying="sites.local.keeper"):
        os.kill(keeper, signal.SIGKILL)
    lab.until(lambda: not lab.processes())
    with taken(port):
        lab.start(lab.spec())
        after = lab.ready()
        assert after.endpoints["connect"] != seen.endpoints["connect"]
