"""What the agent of a machine does, from its boot to its end, and what it does about bad luck."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.node.conftest import USER, Machine, Office, a_machine, listener, until, with_seat

from almanac.node.agent import NOT_OURS
from almanac.node.orders import File, Mount, Orders, Service


def ready(machine: Machine, *services: str) -> None:
    until(lambda: [machine.report.services.get(name) for name in services] == ["ready"] * len(services), machine.said)


def test_from_boot_to_end(machine: Machine) -> None:
    machine.kept("").mkdir(parents=True)
    machine.kept("sky.ipynb").write_text("stars")
    orders = with_seat(machine, listener(machine, "master"), listener(machine, "notebook-seat-1", "master"))
    machine.invite(orders)
    machine.boot()
    ready(machine, "master", "notebook-seat-1")
    assert (machine.home() / "sky.ipynb").read_text() == "stars"
    assert machine.report.revision == machine.report.wanted == 1
    assert (machine.report.doing, machine.report.trouble) == ("", "")
    facts = machine.report.facts
    assert facts["cores"] == os.cpu_count()
    assert "GiB on" in facts["scratch"]
    (machine.home() / "new.txt").write_text("found")
    until(lambda: machine.kept("new.txt").exists())
    (machine.home() / "sky.ipynb").unlink()
    until(lambda: not machine.kept("sky.ipynb").exists())
    (machine.home() / "last.txt").write_text("words")
    (machine.root / "run/master/events/app-1").write_text("event")
    machine.direct(Orders(seats=orders.seats, logs=orders.logs, stop=True))
    until(lambda: machine.report.finished, machine.said)
    assert machine.kept("last.txt").read_text() == "words"
    assert "up as" in machine.kept("logs/master.log").read_text()
    assert machine.kept("logs/events/app-1").read_text() == "event"
    assert machine.report.saved_at is not None
    assert set(machine.report.services.values()) == {"ended"}
    assert "up as" in machine.office.desk.logs("c-1", "head")["master"]
    assert "everything is saved" in machine.said()


def test_services_get_their_environment_whole_and_nobody_elses(machine: Machine) -> None:
    home = f"{machine.root}/run/printer"
    tells = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"
    secret = 'it\'s "$HOME" `x` \\ 100%\nand more'
    argv = (sys.executable, "-I", "-c", tells, "$HOME", "100%", 'a "b" \\')
    printer = Service("printer", argv, env={"SECRET": secret}, dirs=(home,), cwd=home, once=True)
    machine.invite(Orders((printer,)))
    machine.boot()
    until(lambda: machine.report.services.get("printer") == "ended", machine.said)
    said = (machine.root / "logs/printer.log").read_text()
    assert eval(said)["SECRET"] == secret  # noqa: S307 - our own line
    assert "almn_" not in said
    for path in machine.root.glob("units/*.service"):
        assert "and more" not in path.read_text()
    assert (machine.root / "secrets/printer.env").stat().st_mode & 0o777 == 0o600


def test_a_service_that_ends_is_started_again_and_the_site_hears_why(machine: Machine) -> None:
    home = f"{machine.root}/run/connect"
    broken = Service(
        "connect", (sys.executable, "-c", "raise SystemExit('Error: the port is taken')"), dirs=(home,), cwd=home,
        ports={"connect": 1}, ready="connect",
    )  # fmt: skip
    machine.invite(Orders((broken,)))
    machine.boot()
    until(lambda: machine.report.services.get("connect") == "failed", machine.said)
    until(lambda: re.search(r"started again \d+ times", machine.report.trouble), machine.said)
    assert machine.report.trouble.startswith("Spark Connect ended (exit status 1)")
    assert machine.report.trouble.endswith("Its log says: Error: the port is taken")


def test_services_wait_for_those_of_other_machines(office: Office, machine: Machine) -> None:
    worker_orders = Orders((listener(machine, "worker-1", "master"),))
    with a_machine(office, "worker-1") as worker:
        worker.invite(replace(worker_orders, services=(listener(worker, "worker-1", "master"),)))
        worker.boot()
        until(lambda: worker.report.services.get("worker-1") == "starting", worker.said)
        assert worker.report.doing == "Spark worker 1 is starting."
        machine.invite(Orders((listener(machine, "master"),)))
        machine.boot()
        ready(machine, "master")
        ready(worker, "worker-1")


def test_new_orders_add_and_end_services_and_leave_others_alone(machine: Machine) -> None:
    stays, goes, comes = (listener(machine, name) for name in ("stays", "goes", "comes"))
    machine.invite(Orders((stays, goes)))
    machine.boot()
    ready(machine, "stays", "goes")
    before = (machine.root / "logs/stays.log").read_text()
    machine.direct(Orders((replace(stays, files=(File(f"{stays.cwd}/new", "content"),)), comes)))
    ready(machine, "stays", "comes")
    assert set(machine.report.services) == {"stays", "comes"}
    assert (machine.root / "logs/stays.log").read_text() == before
    assert Path(f"{stays.cwd}/new").read_text() == "content"
    assert not list(machine.root.glob("units/*goes*.service")) + list(machine.root.glob("secrets/*goes*"))


def test_a_warm_machine_gets_its_person_later(machine: Machine) -> None:
    notebook = listener(machine, "notebook-seat-1")
    machine.invite(with_seat(machine, notebook, files=None))
    machine.boot()
    ready(machine, "notebook-seat-1")
    (machine.home() / "example.ipynb").write_text("an example")
    machine.kept("").mkdir(parents=True)
    machine.kept("sky.ipynb").write_text("stars")
    machine.direct(with_seat(machine, notebook))
    until((machine.home() / "sky.ipynb").exists, machine.said)
    machine.direct(with_seat(machine, stop=True))
    until(lambda: machine.report.finished, machine.said)
    assert [path.name for path in machine.kept("").iterdir() if path.is_file()] == ["sky.ipynb"]


@pytest.mark.parametrize("moment", ["boot", "joined", "running"])
def test_an_agent_that_is_killed_goes_on(machine: Machine, moment: str) -> None:
    machine.invite(with_seat(machine, listener(machine, "notebook-seat-1")))
    machine.boot()
    if moment == "joined":
        until(lambda: machine.report.seen_at is not None)
    if moment == "running":
        ready(machine, "notebook-seat-1")
        (machine.home() / "new.txt").write_text("found")
    log = machine.root / "logs/notebook-seat-1.log"
    before = log.read_text() if log.exists() else None
    machine.kill()
    machine.boot()
    ready(machine, "notebook-seat-1")
    if moment == "running":
        assert log.read_text() == before
        until(lambda: machine.kept("new.txt").exists())
    machine.direct(with_seat(machine, stop=True))
    until(lambda: machine.report.finished, machine.said)
    assert machine.report.trouble == ""


def test_an_agent_that_is_killed_while_it_stops_finishes_all_the_same(machine: Machine) -> None:
    machine.invite(with_seat(machine, listener(machine, "notebook-seat-1")))
    machine.boot()
    ready(machine, "notebook-seat-1")
    (machine.home() / "new.txt").write_text("found")
    machine.direct(with_seat(machine, stop=True))
    until(lambda: machine.report.doing or machine.report.finished)
    machine.kill()
    machine.boot()
    until(lambda: machine.report.finished, machine.said)
    assert machine.kept("new.txt").read_text() == "found"
    assert machine.kept("logs/notebook-seat-1.log").exists()


def test_services_and_files_outlast_an_almanac_that_is_away(machine: Machine) -> None:
    machine.invite(with_seat(machine, listener(machine, "notebook-seat-1")))
    machine.boot()
    ready(machine, "notebook-seat-1")
    machine.office.close()
    (machine.home() / "new.txt").write_text("found")
    until(lambda: "can't be reached" in machine.said())
    machine.kill()
    machine.boot()
    machine.office.open()
    until(lambda: machine.kept("new.txt").exists(), machine.said)
    ready(machine, "notebook-seat-1")
    assert (machine.root / "logs/notebook-seat-1.log").read_text().count("up as") == 1


def test_sigterm_saves_and_leaves_services_running(machine: Machine) -> None:
    machine.settings["save_every_s"] = 3600.0
    machine.invite(with_seat(machine, listener(machine, "notebook-seat-1")))
    machine.boot()
    ready(machine, "notebook-seat-1")
    (machine.home() / "new.txt").write_text("found")
    assert machine.process is not None
    machine.process.send_signal(signal.SIGTERM)
    assert machine.process.wait(30) == 0
    assert machine.kept("new.txt").read_text() == "found"


@pytest.mark.parametrize("why", ["expired", "used", "unknown"])
def test_a_machine_that_may_not_join_says_so_and_ends(machine: Machine, why: str) -> None:
    machine.invite(Orders(), timedelta(minutes=5) if why != "expired" else timedelta(0))
    if why == "used":
        machine.office.nodes.join(machine.token, "almn_" + "t" * 43, "10.9.9.9", {})
    if why == "unknown":
        machine.office.desk.forget("c-1")
    machine.boot()
    assert machine.process is not None
    assert machine.process.wait(30) == NOT_OURS
    assert f"The join token is {why}" in machine.said()
    if why != "unknown":
        assert f"join token that is {why}" in machine.report.trouble


def test_files_that_cant_be_saved_are_told_and_saved_later(machine: Machine) -> None:
    machine.invite(with_seat(machine, listener(machine, "notebook-seat-1")))
    machine.boot()
    ready(machine, "notebook-seat-1")
    machine.kept("").parent.mkdir(parents=True)
    machine.kept("").write_text("a file is in the way")
    (machine.home() / "new.txt").write_text("found")
    until(lambda: "can't be saved" in machine.report.trouble, machine.said)
    assert machine.report.services == {"notebook-seat-1": "ready"}
    machine.kept("").unlink()
    until(lambda: machine.kept("new.txt").exists(), machine.said)
    until(lambda: machine.report.trouble == "")


@pytest.mark.root
@pytest.mark.skipif(not USER, reason="needs root")
def test_a_notebook_can_read_neither_the_agents_token_nor_other_services_secrets(machine: Machine) -> None:
    orders = with_seat(machine, listener(machine, "notebook-seat-1"))
    machine.invite(orders)
    machine.boot()
    ready(machine, "notebook-seat-1")
    assert machine.home().stat().st_uid == (machine.root / "scratch").stat().st_uid != 0
    assert machine.home().stat().st_mode & 0o777 == 0o700
    for path in ("state/token", "node.json", "secrets/notebook-seat-1.env", "state/seats/seat-1.json"):
        assert (machine.root / path).exists()
        reading = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", str(machine.root / path)]
        done = subprocess.run(reading, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, ""), path
        assert "Permission denied" in done.stderr


@pytest.mark.root
@pytest.mark.skipif(not USER, reason="needs root")
def test_links_that_a_notebook_plants_lead_nowhere(machine: Machine) -> None:
    secret = machine.root / "state" / "secret"
    machine.invite(with_seat(machine, listener(machine, "notebook-seat-1")))
    machine.boot()
    ready(machine, "notebook-seat-1")
    secret.write_text("root's")
    (machine.home() / "link").symlink_to(secret)
    (machine.home() / "hard").mkdir()
    (machine.home() / "hard" / "away").symlink_to(machine.root / "state")
    (machine.home() / "mine.txt").write_text("mine")
    until(lambda: machine.kept("mine.txt").exists())
    assert sorted(path.name for path in machine.kept("").rglob("*")) == ["mine.txt"]


@pytest.mark.root
def test_shared_data_is_mounted_before_anything_runs_and_unmounted_at_the_end(machine: Machine) -> None:
    archive, where = machine.root / "archive", machine.root / "data/gaia-dr3"
    data = Mount("gaia-dr3", str(where), str(archive), "none", "bind,ro,nosuid,nodev")
    orders = with_seat(machine, listener(machine, "master"), mounts=(data,))
    machine.invite(orders)
    machine.boot()
    until(lambda: machine.report.trouble, machine.said)
    assert machine.report.trouble.startswith("gaia-dr3 can't be mounted on head: ")
    assert "archive does not exist" in machine.report.trouble
    assert not machine.report.services
    archive.mkdir()
    (archive / "stars.csv").write_text("stars")
    ready(machine, "master")
    assert machine.report.facts["data"] == f"gaia-dr3 at {where}"
    assert (where / "stars.csv").read_text() == "stars"
    with pytest.raises(OSError, match="Read-only file system"):
        (where / "mine").touch()
    machine.direct(replace(orders, services=(), mounts=(), stop=True))
    until(lambda: machine.report.finished, machine.said)
    assert not where.is_mount()
    assert (archive / "stars.csv").exists()
