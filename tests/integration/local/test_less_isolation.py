"""The same site with less: without root, and as root where namespaces are refused (in a container, say)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lab import PYTHON, command, small_services

from almanac.core.ports import ClusterState, Permanent
from almanac.sites.local import isolation, uids
from almanac.sites.local.cgroups import CONTROLLERS
from almanac.spark.service import Service

pytestmark = [pytest.mark.root, pytest.mark.turn(-1)]
SLIPPED = f"slipped-{os.getpid()}"
REPOSITORY = Path(__file__).parents[3]
AS_NOBODY = """
import os, sys
from almanac.sites.local import sandbox
from almanac.sites.local.relay import drop_to
own, repository = sys.argv[1:3]
sandbox.furnish(own + "/none", [own], [repository, sys.prefix, sys.base_prefix], {"name": "somebody", "uid": 64099})
os.chdir(repository)
os.environ["HOME"] = own
command = [*drop_to(64099), sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp", own + "/tests", *sys.argv[3:]]
os.execvp(command[0], command)
"""


def as_nobody(own: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as a user without any rights, wherever the repository lies."""
    own.mkdir()
    (own / "none").mkdir()
    os.chown(own, 64099, 64099)
    apart = ["unshare", "--mount", sys.executable, "-c", AS_NOBODY]
    path = f"{REPOSITORY / 'src'}:{REPOSITORY}"
    return subprocess.run(
        [*apart, own, REPOSITORY, "-q", "-x", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize("suite", ["test_life.py", "test_crashes.py"])
def test_the_site_keeps_its_word_without_root(tmp_path, suite):
    done = as_nobody(tmp_path / "own", f"tests/integration/local/{suite}", "-m", "not root and not cluster")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.fixture
def lab(make_lab, monkeypatch):
    """A lab on a machine that refuses namespaces to root."""
    monkeypatch.setattr(isolation, "UNSHARE", ("false",))
    # Small services need no more than this, and the clone or its interpreter may lie in root's home.
    monkeypatch.setattr(sys, "prefix", str(Path(PYTHON).parents[1]))
    return make_lab


@pytest.fixture
def state() -> Iterator[Path]:
    """A place that others can walk to; pytest's own directories stay closed, for other tests look at that meanwhile."""
    with tempfile.TemporaryDirectory(prefix="almanac-open-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory) / "state"


def test_without_namespaces_clusters_still_have_users_of_their_own(lab):
    found = lab()
    assert "Namespaces are not possible here" in found.site.capacity().isolation
    seen = found.up()
    uid = uids.of(found.control().resolve())
    services = found.processes(saying="http.server")
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in services} == {uid}
    assert seen.endpoints["connect"]
    found.stop()
    assert found.left() == []


def test_without_namespaces_nothing_outlives_its_keeper_for_long(lab):
    found = lab()
    found.up()
    for keeper in found.processes(saying="sites.local.keeper"):
        os.kill(keeper, signal.SIGKILL)
    found.until(lambda: not found.processes())
    assert found.seen().state is ClusterState.DEAD
    found.start(found.spec())
    found.ready()


def test_without_namespaces_what_slips_away_is_known_by_its_user(lab):
    escape = (
        f"import os\nif os.fork() == 0:\n os.setsid()\n os.execve('/bin/sleep', ['{SLIPPED}', '600'], {{}})\nos.wait()"
    )
    found = lab(render=lambda *a: (*small_services(*a), Service("sly", (PYTHON, "-S", "-c", escape))))
    found.up(workers=0)
    found.until(slipped)
    for keeper in found.processes(saying="sites.local.keeper"):
        os.kill(keeper, signal.SIGKILL)
    found.until(lambda: not found.processes())
    assert slipped()
    found.stop()
    assert not slipped()


def slipped() -> list[int]:
    return [
        int(p.name)
        for p in Path("/proc").iterdir()
        if p.name.isdigit() and command(int(p.name)) == f"{SLIPPED} 600 ".encode()
    ]


def test_a_directory_that_the_users_cannot_enter_is_named(lab, state):
    closed = state.parent / "closed"
    closed.mkdir(mode=0o700)
    found = lab(closed / "state")
    with pytest.raises(Permanent, match=rf"{closed} can't be entered by other users.*chmod o\+x"):
        found.start(found.spec())


def test_a_keeper_that_cannot_settle_in_says_why(make_lab):
    found = make_lab()
    ground = found.site._ground
    broken = replace(ground, isolation=replace(ground.isolation, groups=dict.fromkeys(CONTROLLERS, Path("/proc"))))
    found.site._ground = broken
    found.start(found.spec())
    seen = found.until(lambda: (seen := found.seen()).state is ClusterState.DEAD and seen)
    assert "refused" in seen.reason
    found.reopen()
    found.start(found.spec())
    found.ready()
