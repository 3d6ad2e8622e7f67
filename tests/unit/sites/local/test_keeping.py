"""What a keeper decides and says, without processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest

from almanac.sites.local import cgroups, keeper, processes, relay
from almanac.sites.local.activity import Activity
from almanac.sites.local.report import report
from almanac.sites.local.watched import PortTaken, Watched, answers, telling_line


def watched(name: str, state: str, **facts) -> Watched:
    made = Watched({"name": name, "after": [], "ports": {}, "ready": None, "once": False})
    made.become(state)
    for fact, value in facts.items():
        setattr(made, fact, value)
    return made


def test_progress_in_words():
    services = [
        watched("master", "ready", settled=True),
        watched("connect", "starting"),
        watched("worker-1", "waiting"),
    ]
    said = report(services, lambda _: "")
    assert (said["state"], said["done"], said["total"]) == ("starting", 1, 3)
    assert said["doing"] == "Spark Connect is starting."
    services[1].become("ready")
    services[2].become("starting")
    assert report(services, lambda _: "")["doing"] == "Spark worker 1 is starting."
    services.append(watched("notebook-seat-12", "starting"))
    assert report(services, lambda _: "")["doing"] == "Spark worker 1 and 1 more are starting."
    assert report(services[-1:], lambda _: "")["doing"] == "The notebook of seat 12 is starting."
    assert report([watched("exporter", "starting")], lambda _: "")["doing"] == "Exporter is starting."


def test_trouble_in_words():
    fallen = watched("connect", "down", settled=True, restarts=2, last_exit="exit status 1")
    said = report([watched("master", "ready", settled=True), fallen], lambda _: "java.net.BindException: in use")
    assert said["state"] == "degraded"
    assert said["reason"] == (
        "Spark Connect ended (exit status 1) and was started again 2 times. Its log says: java.net.BindException: in use"
    )
    fallen.become("ready")
    said = report([fallen], lambda _: "")
    assert (said["state"], said["reason"], said["doing"]) == ("ready", "", "")


def test_what_ends_by_itself_is_done():
    once = Watched({"name": "setup", "after": [], "once": True})
    once.ended(0)
    assert once.up
    assert once.settled
    assert not once.due(set())


def test_order_and_pauses():
    made = Watched({"name": "connect", "after": ["master"], "once": False})
    assert not made.due(set())
    assert made.due({"master"})
    made.ended(-9)
    assert (made.last_exit, made.restarts, made.state) == ("signal SIGKILL", 1, "down")
    assert not made.due({"master"})


def test_pauses_grow_to_half_a_minute(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("almanac.sites.local.watched.time.monotonic", lambda: clock[0])
    made, pauses = Watched({"name": "connect", "after": [], "once": False}), []
    for _ in range(9):
        made._began = clock[0]
        made.ended(1)
        began = clock[0]
        while not made.due(set()):
            clock[0] += 0.125
        pauses.append(clock[0] - began)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    made._began, clock[0] = clock[0], clock[0] + 61
    made.ended(1)
    clock[0] += 0.5
    assert made.due(set())


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = taker.getsockname()[1]
        assert answers(port)
        made = Watched({"name": "connect", "after": [], "ports": {"connect": port}, "once": False})
        with pytest.raises(PortTaken, match=f"Port {port}, which connect needs, is taken by another program"):
            made.start("tag", 1, lambda _: None)
    assert not answers(port)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("all is well\n\n", "all is well"),
        (
            "x\njava.lang.OutOfMemoryError: heap\n\tat java.util.Error.f(Error.java)\ngoodbye\n",
            "java.lang.OutOfMemoryError: heap",
        ),
        ("z" * 1000, "z" * 300),
    ],
)
def test_the_telling_line(log, line):
    assert telling_line(log.encode()) == line


def test_use_counts_once_the_start_has_calmed_down():
    activity = Activity(0.15)
    activity.judge(3.0, ready_for=5)
    assert activity.last is None
    activity.judge(0.03, ready_for=10)
    assert activity.last is None
    activity.judge(0.5, ready_for=15)
    assert activity.last is not None


def test_use_counts_a_minute_after_the_start_in_any_case():
    activity = Activity(0.15)
    activity.judge(3.0, ready_for=59)
    assert activity.last is None
    activity.judge(3.0, ready_for=61)
    assert activity.last is not None


def test_what_was_known_of_use_is_kept():
    assert Activity(0.15, 1234.5).last == 1234.5


def test_long_logs_keep_their_end(tmp_path, monkeypatch):
    from almanac.sites.folder import Folder

    monkeypatch.setattr(keeper, "_LONGEST_LOG", 100)
    monkeypatch.setattr(keeper, "_KEPT_LOG", 10)
    (tmp_path / "x.log").write_bytes(b"a" * 100 + b"0123456789")
    with Folder(tmp_path) as logs:
        os.close(keeper._open_log(logs, "x.log"))
    assert (tmp_path / "x.log").read_bytes() == b"0123456789"


def test_the_keeper_loads_the_standard_library_only():
    script = (
        "import sys, almanac.sites.local.keeper\nprint([m for m in sys.modules if m.partition('.')[0] == 'almanac'])"
    )
    source = cgroups.__file__.partition("/almanac/")[0]
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert "almanac.sites.local.keeper" in done.stdout
    assert "almanac.core" not in done.stdout
    assert "almanac.spark" not in done.stdout


def test_relays_by_program(tmp_path, monkeypatch):
    proxyd = tmp_path / "systemd-socket-proxyd"
    monkeypatch.setattr(relay, "_PROXYDS", (proxyd,))
    own = relay.service(relay.find_program(), "connect", 15002, "/src")
    assert own["argv"] == [sys.executable, "-S", "-m", "almanac.sites.local.relay", "15002"]
    proxyd.touch()
    theirs = relay.service(relay.find_program(), "connect", 15002, "/src")
    assert theirs["argv"][3:] == [str(proxyd), "--connections-max=4096", "127.0.0.1:15002"]


def test_our_own_relay_passes_on_both_ways_and_half_closed():
    with (
        socket.create_server(("127.0.0.1", 0)) as inner,
        socket.create_server(("127.0.0.1", 0)) as outer,
        subprocess.Popen(
            [sys.executable, "-m", "almanac.sites.local.relay", str(inner.getsockname()[1])],
            stdin=outer.fileno(),
            env={"PYTHONPATH": cgroups.__file__.partition("/almanac/")[0]},
        ) as process,
    ):
        try:
            for text in (b"first" * 100_000, b"second"):
                with socket.create_connection(outer.getsockname(), 30) as client, inner.accept()[0] as server:
                    sender = threading.Thread(
                        target=lambda c=client, t=text: (c.sendall(t), c.shutdown(socket.SHUT_WR))
                    )
                    sender.start()
                    assert b"".join(iter(lambda s=server: s.recv(65536), b"")) == text
                    sender.join()
                    server.sendall(text[::-1])
                    server.close()
                    assert b"".join(iter(lambda c=client: c.recv(65536), b"")) == text[::-1]
            inner.close()
            with socket.create_connection(outer.getsockname(), 30) as client:
                assert client.recv(1) == b""
        finally:
            process.kill()


def test_tags_are_whole_or_of_an_instance():
    with subprocess.Popen(["sleep", "600"], env={processes.TAG: "instance-7/c-1"}) as child:
        try:
            assert processes.tagged("instance-7/c-1") == [child.pid]
            assert processes.tagged("instance-7/") == [child.pid]
            assert processes.tagged("instance-7/c") == []
            assert processes.tagged("instance/") == []
            assert processes.runs_as(child.pid, os.getuid())
            processes.end(child.pid, lambda _: False)
            assert child.poll() is None
            assert processes.end_all(lambda: processes.tagged("instance-7/"), lambda _: True) == []
        finally:
            child.kill()
    processes.end(child.pid, lambda _: True)
