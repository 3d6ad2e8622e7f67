"""What a cluster can see and reach, tried from inside one that has been taken over."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lab import NODE, PYTHON, Lab, command, small_services

from almanac.core.ports import ClusterState, Temporary
from almanac.sites.local import processes, relay, uids
from almanac.spark.service import Service

pytestmark = pytest.mark.root
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108

PROBE = """
import json, os, socket, sys, time
def tried(what):
    try:
        return what()
    except Exception as error:
        return type(error).__name__
def connect(port):
    socket.create_connection(("127.0.0.1", port), 2).close()
    return "connected"
facts = {}
for name, code in json.load(open("questions.json")).items():
    facts[name] = tried(lambda: eval(code))
facts = {name: value if isinstance(value, (int, str, list)) else str(value) for name, value in facts.items()}
json.dump(facts, open("answers.json.new", "w"))
os.rename("answers.json.new", "answers.json")
"""


def probing(cluster, node, layout):
    """Small services, and one that asks what it is told to."""
    services = small_services(cluster, node, layout)
    if node.role == "worker":
        return services
    home = f"{layout.run}/probe"
    argv = ("/bin/sh", "-c", 'while ! test -e questions.json; do sleep 0.05; done; exec "$0" -S -c "$1"', PYTHON, PROBE)
    return (*services, Service("probe", argv, dirs=(home,), cwd=home, env={"PATH": "/usr/bin:/bin"}, once=True))


def ask(lab: Lab, cluster: str, **questions: str) -> dict:
    """Answers, from inside a cluster, to Python expressions."""
    home = lab.control(cluster) / "node/run/probe"
    lab.until(home.is_dir)
    (home / "new").write_text(json.dumps(questions))
    (home / "new").chmod(0o644)
    (home / "new").rename(home / "questions.json")
    lab.until(lambda: (home / "answers.json").exists() or None)
    return json.loads((home / "answers.json").read_text())


@pytest.fixture
def probed(make_lab):
    return make_lab(render=probing)


def test_a_cluster_runs_as_a_user_of_its_own_without_privileges(probed):
    probed.start(probed.spec())
    facts = ask(
        probed,
        "c-1",
        uids="list(os.getresuid())",
        groups="os.getgroups()",
        status="open('/proc/self/status').read()",
        name="__import__('pwd').getpwuid(os.getuid()).pw_name",
        passwd="open('/etc/passwd', 'a')",
        state_owner="os.stat(os.path.dirname(os.getcwd())).st_uid",
    )
    uid = uids.of(probed.control().resolve())
    assert facts["uids"] == [uid] * 3
    assert facts["groups"] == []
    assert facts["name"] == f"almanac-{uid}"
    assert facts["passwd"] in {"PermissionError", "OSError"}
    assert facts["state_owner"] == uid
    status = dict(line.split(":\t") for line in facts["status"].splitlines())
    assert {int(status[caps], 16) for caps in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert f"almanac-{uid}" not in Path("/etc/passwd").read_text()


def test_a_cluster_sees_nothing_of_another(probed):
    probed.start(probed.spec("victim"))
    victim = probed.until(lambda: (seen := probed.seen("victim")).done >= 4 and seen)
    (probed.home("victim") / "paper.tex").write_text("draft")
    probed.start(probed.spec("thief"))
    probed.until(lambda: probed.seen("thief").done >= 4)
    control = probed.control("victim").resolve()
    port = int(victim.endpoints["connect"].rpartition(":")[2])
    facts = ask(
        probed,
        "thief",
        files=f"open({str(control / 'node/homes/seat-1/paper.tex')!r}).read()",
        secrets=f"open({str(control / 'launch.json')!r}).read()",
        clusters=f"os.listdir({str(control.parent)!r})",
        connect=f"connect({port})",
        inside="[port for port in range(7000, 9000) if tried(lambda: connect(port)) == 'connected']",
        processes="[p for p in os.listdir('/proc') if p.isdigit()]",
        commands="[open('/proc/%s/cmdline' % p).read() for p in os.listdir('/proc') if p.isdigit()]",
        environments="[tried(lambda: open('/proc/%s/environ' % p).read()) for p in os.listdir('/proc') if p.isdigit()]",
    )
    assert facts["files"] == facts["secrets"] == "FileNotFoundError"
    assert facts["clusters"] == ["thief"]
    assert facts["connect"] == "ConnectionRefusedError"
    assert len(facts["inside"]) == 3  # its own: the same numbers as the victim's
    assert "victim" not in json.dumps(facts["commands"])
    assert "victim" not in json.dumps(facts["environments"])
    assert len(facts["processes"]) < 30


def test_almanac_itself_is_out_of_reach(probed):
    state = probed.state.resolve()
    (state / "almanac.db").write_text("everybody's bookings")
    (state / "almanac.db").chmod(0o644)
    (state / "storage" / "grace").mkdir()
    (state / "shared" / "gaia.csv").write_text("stars")
    probed.start(probed.spec())
    control = str(probed.control().resolve())
    facts = ask(
        probed,
        "c-1",
        database=f"open({str(state / 'almanac.db')!r}).read()",
        state=f"sorted(os.listdir({str(state)!r}))",
        storage=f"os.listdir({str(state / 'storage')!r})",
        orders=f"open('{control}/launch.json').read()",
        status=f"open('{control}/status.json', 'w')",
        logs=f"os.listdir('{control}/logs')",
        keeper="open('/proc/1/environ').read()",
        keepers_files="os.listdir('/proc/1/fd')",
        keepers_root="os.listdir('/proc/1/root')",
        end_keeper="os.kill(1, 9)",
        shared=f"open({str(state / 'shared' / 'gaia.csv')!r}).read()",
        shared_write=f"open({str(state / 'shared' / 'mine')!r}, 'w')",
        groups="[open(d + '/cgroup.procs', 'w') for d, _, f in os.walk('/sys/fs/cgroup') if 'c-1' in d]",
        mount="os.system('umount /tmp 2>/dev/null')",
    )
    assert facts["database"] == facts["storage"] == facts["orders"] == "FileNotFoundError"
    assert facts["status"] in {"PermissionError", "FileNotFoundError"}
    assert facts["state"] == ["clusters", "shared"]
    assert facts["logs"] == "FileNotFoundError"
    assert {facts[name] for name in ("keeper", "keepers_files", "keepers_root", "end_keeper")} == {"PermissionError"}
    assert facts["shared"] == "stars"
    assert facts["shared_write"] in {"PermissionError", "OSError"}
    assert facts["groups"] in {"PermissionError", "OSError"}
    assert facts["mount"] != 0


def test_the_machines_network_is_out_of_reach(probed):
    with socket.create_server(("127.0.0.1", 0)) as bell, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0almanac-test-" + str(os.getpid()))
        abstract.listen()
        probed.start(probed.spec())
        facts = ask(
            probed,
            "c-1",
            loopback=f"connect({bell.getsockname()[1]})",
            interfaces="[name for _, name in socket.if_nameindex()]",
            outside="socket.create_connection(('192.0.2.1', 80), 2)",
            abstract=f"socket.socket(socket.AF_UNIX).connect('\\0almanac-test-{os.getpid()}')",
            run="os.listdir('/run')",
            listeners="[os.readlink('/proc/%s/fd/%s' % (p, f)) for p in os.listdir('/proc') if p.isdigit() "
            "for f in (tried(lambda: os.listdir('/proc/%s/fd' % p)) if os.stat('/proc/' + p).st_uid == os.getuid() else []) "
            "if 'socket' in os.readlink('/proc/%s/fd/%s' % (p, f))]",
            root="sum(os.stat('/proc/' + p).st_uid == 65534 for p in os.listdir('/proc') if p.isdigit())",
        )
    assert facts["loopback"] == facts["abstract"] == "ConnectionRefusedError"
    assert facts["interfaces"] == ["lo"]
    assert facts["outside"] == "OSError"
    assert facts["run"] == ["almanac-passwd"]
    assert facts["root"] == 2  # the relays, which hold the machine's sockets, are another user's


def test_temporary_files_are_private_and_gone_with_the_cluster(probed):
    mark = f"almanac-{os.getpid()}"
    theirs = Path(TEMPORARY[0], mark)
    theirs.write_text("the machine's")
    try:
        probed.start(probed.spec())
        facts = ask(
            probed,
            "c-1",
            theirs=f"open('{theirs}').read()",
            mine=f"[open(d + '/{mark}-own', 'w').close() for d in {TEMPORARY}]",
            here="os.listdir('/dev/shm')",
        )
    finally:
        theirs.unlink()
    assert facts["theirs"] == "FileNotFoundError"
    assert facts["here"] == [f"{mark}-own"]
    assert not [d for d in TEMPORARY if Path(d, f"{mark}-own").exists()]


def test_memory_is_capped(make_lab):
    hog = (PYTHON, "-S", "-c", "x = []\nwhile True: x.append(bytearray(2**24))")

    def render(cluster, node, layout):
        return (*small_services(cluster, node, layout), Service("hog", hog, env={"PATH": "/usr/bin"}))

    lab = make_lab(render=render)
    lab.start(lab.spec(workers=0))
    total = NODE.resources.memory_mib
    seen = lab.until(lambda: (seen := lab.seen()).reason and seen)
    status = json.loads((lab.control() / "status.json").read_text())
    assert status["services"]["hog"]["last_exit"] == "signal SIGKILL", seen
    assert status["services"]["notebook-seat-1"]["restarts"] == 0
    assert seen.state in {ClusterState.DEGRADED, ClusterState.STARTING}
    caps = [
        int(file.read_text())
        for group in lab.site._ground.groups("c-1")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (file := Path(group.directory) / name).exists()
    ]
    assert caps == [(total + 96) * 2**20]


def test_processes_are_capped(probed):
    probed.start(probed.spec(workers=0))
    threads = "[__import__('_thread').start_new_thread(time.sleep, (60,)) for _ in range(10_000)]"
    small = "__import__('_thread').stack_size(65536)"
    assert ask(probed, "c-1", small=small, threads=threads)["threads"] == "RuntimeError"
    probed.stop()
    assert probed.left() == []


def test_what_lies_behind_a_closed_door_is_shown_where_it_lies(tmp_path, probed):
    """Almanac and its Python may be in a home directory that only root can enter."""
    vault = tmp_path / "vault"
    vault.mkdir(mode=0o700)
    source = Path(uids.__file__).resolve().parents[3]
    (vault / "secret").write_text("root's")
    (vault / "src").mkdir()
    subprocess.run(["cp", "-r", source / "almanac", vault / "src/almanac"], check=True)
    subprocess.run(["cp", "-r", Path(__file__).parents[2], vault / "src/tests"], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", vault / "venv"], check=True)
    script = (
        "import json, sys; from pathlib import Path\n"
        "import tests.support.lab as lab_module\n"
        "lab_module.PYTHON = sys.executable\n"
        "from tests.integration.local.test_isolation import ask, probing\n"
        "import tests.integration.local.test_isolation as here\n"
        "here.PYTHON = sys.executable\n"
        "lab = lab_module.Lab(Path(sys.argv[1]), render=probing)\n"
        "try:\n"
        "    lab.start(lab.spec())\n"
        "    print(json.dumps(ask(lab, 'c-1', python='sys.executable', vault='sorted(os.listdir(%r))' % sys.argv[2],\n"
        "        write='open(%r, \"w\")' % (sys.argv[2] + '/venv/x'), package='os.listdir(%r)' % (sys.argv[2] + '/src'))))\n"
        "finally:\n"
        "    lab.close()\n"
    )
    extra = ":".join(path for path in sys.path if "site-packages" in path)
    done = subprocess.run(
        [vault / "venv/bin/python", "-c", script, tmp_path / "state2", vault],
        env={"PYTHONPATH": f"{vault / 'src'}:{extra}", "PATH": "/usr/sbin:/usr/bin:/bin"},
        cwd=vault,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["python"] == str(vault / "venv/bin/python")
    assert facts["vault"] == ["src", "venv"]
    assert facts["write"] in {"PermissionError", "OSError"}


@pytest.mark.parametrize("program", ["as installed", "our own"])
def test_many_connections_carry_much_both_ways(make_lab, program, monkeypatch):
    echo = (
        "import socket\nserver = socket.create_server(('127.0.0.1', {port}))\n"
        "while True:\n"
        "    peer, _ = server.accept()\n"
        "    data = b''\n"
        "    while len(data) < 3 * 2**20: data += peer.recv(65536)\n"
        "    peer.sendall(data[::-1]); peer.close()\n"
    )

    def render(cluster, node, layout):
        port = layout.ports["notebook-seat-1"]
        argv = (PYTHON, "-S", "-c", echo.format(port=port))
        return (Service("notebook-seat-1", argv, ports={"notebook": port}, env={"PATH": "/usr/bin"}),)

    lab = make_lab(render=render)
    if program == "our own":
        monkeypatch.setattr(relay, "_PROXYDS", ())
    url = lab.up(workers=0).endpoints["notebook:seat-1"]
    port = int(url.rpartition(":")[2])
    sent = os.urandom(2**20) * 3

    def talk(results):
        with socket.create_connection(("127.0.0.1", port), 30) as line:
            line.sendall(sent)
            results.append(b"".join(iter(lambda: line.recv(65536), b"")) == sent[::-1])

    results = []
    threads = [threading.Thread(target=talk, args=(results,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
    ours = [pid for pid in processes.running() if b"almanac.sites.local.relay 8888" in command(pid)]
    assert bool(ours) or program == "as installed"


def caps(lab: Lab, file: str) -> list[str]:
    groups = [Path(group.directory) / file for group in lab.site._ground.groups("c-1")]
    return [path.read_text().strip() for path in groups if path.exists()]


def test_processor_time_is_capped_once_the_cluster_is_up_and_caps_grow_with_it(make_lab):
    lab = make_lab()
    lab.up(workers=1)
    lab.until(lambda: "200000" in caps(lab, "cpu.cfs_quota_us") or "200000 100000" in caps(lab, "cpu.max"))
    small = caps(lab, "memory.limit_in_bytes") or caps(lab, "memory.max")
    lab.start(lab.spec(workers=3))
    lab.until(lambda: lab.seen().done == 6)
    lab.until(lambda: "400000" in caps(lab, "cpu.cfs_quota_us") or "400000 100000" in caps(lab, "cpu.max"))
    large = caps(lab, "memory.limit_in_bytes") or caps(lab, "memory.max")
    assert int(large[0]) - int(small[0]) == 2 * NODE.resources.memory_mib * 2**20


def test_a_full_disk_does_not_end_a_running_cluster(tmp_path, make_lab):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", disk], check=True)
    try:
        lab = make_lab(disk / "state")
        spec = lab.given(lab.spec(), "gaia/people/ada")
        lab.start(spec)
        lab.ready()
        (lab.home() / "new.txt").write_text("found a quasar")
        (lab.home() / "filler").write_bytes(b"x" * 2**20)
        fill(disk / "filler")
        (victim,) = [pid for pid in lab.processes(saying="run/connect") if b"http.server" in command(pid)]
        others = set(lab.processes(saying="http.server")) - {victim}
        os.kill(victim, signal.SIGKILL)
        lab.until(lambda: set(lab.processes(saying="http.server")) == others)
        (disk / "filler").unlink()
        lab.until(lambda: set(lab.processes(saying="http.server")) > others)
        lab.ready()
        fill(disk / "filler")
        with pytest.raises(Temporary, match="no space left to save the files of seat-1"):
            lab.stop()
        assert lab.seen().state is ClusterState.DEAD
        with pytest.raises(Temporary, match="no space left to hold lease"):
            lab.spec("c-2")
        with pytest.raises(Temporary, match="MiB are free"):
            lab.start(replace(spec, id="c-2"))
        (disk / "filler").unlink()
        lab.stop()
        assert (lab.site.storage / "gaia/people/ada/new.txt").read_text() == "found a quasar"
        assert [line for line in lab.left() if "tmpfs" not in line] == []
    finally:
        (disk / "filler").unlink(missing_ok=True)
        Lab(disk / "state").close()
        subprocess.run(["umount", disk], check=True)


def fill(path: Path) -> None:
    with path.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 2**16)
                file.flush()
        except OSError:
            return


def test_a_cluster_that_lost_its_uid_owns_its_files_under_the_next_one(lab, tmp_path):
    lab.up()
    before = uids.of(lab.control().resolve())
    (lab.home() / "stars.txt").write_text("kept")
    os.chown(lab.home() / "stars.txt", before, before)
    for keeper in lab.processes(saying="sites.local.keeper"):
        os.kill(keeper, signal.SIGKILL)
    lab.until(lambda: not lab.processes())
    uids.free(lab.control().resolve())
    assert uids.allocate(tmp_path) == before  # somebody else has it now
    try:
        lab.start(lab.spec())
        lab.ready()
        after = uids.of(lab.control().resolve())
        assert after not in {None, before}
        assert {path.lstat().st_uid for path in lab.home().rglob("*")} == {after}
    finally:
        uids.free(tmp_path)
