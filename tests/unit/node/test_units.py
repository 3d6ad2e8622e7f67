"""Services as systemd units: what systemd itself makes of them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.node.orders import Service
from almanac.node.units import Place, environment, unit, unit_name

PLACE = Place("almanac", "/var/log/almanac", "/run/almanac")
NOTEBOOK = Service(
    "notebook-seat-1",
    (sys.executable, "-m", "jupyterlab", "--config=/a b/100%/$HOME/c.py", 'say "hi" \\', ""),
    env={"JUPYTER_TOKEN": "hush"},
    cwd="/var/lib/almanac/home/seat-1",
    memory_mib=512,
)


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_a_service_runs_as_somebody_who_may_nothing_and_nothing_secret_is_in_its_unit() -> None:
    text = unit(NOTEBOOK, PLACE)
    found = settings(text)
    assert (found["User"], found["NoNewPrivileges"], found["CapabilityBoundingSet"]) == ("almanac", "yes", "")
    assert (found["MemoryMax"], found["Restart"]) == ("512M", "always")
    assert found["EnvironmentFile"] == "/run/almanac/notebook-seat-1.env"
    assert found["StandardOutput"] == "append:/var/log/almanac/notebook-seat-1.log"
    assert "hush" not in text


def test_what_does_one_thing_and_ends_is_not_started_again() -> None:
    found = settings(unit(Service("warm-up", ("/bin/true",), once=True), Place("", "/l", "/s")))
    assert (found["Restart"], found["RemainAfterExit"]) == ("no", "yes")
    assert "User" not in found
    assert "MemoryMax" not in found
    assert found["WorkingDirectory"] == "/"


def test_nothing_in_a_command_means_anything_to_systemd() -> None:
    command = settings(unit(NOTEBOOK, PLACE))["ExecStart"]
    assert "100%%/$$HOME" in command
    assert shlex.split(command.replace("%%", "%").replace("$$", "$")) == list(NOTEBOOK.argv)


@given(st.dictionaries(st.from_regex(r"\A[A-Z_]{1,9}\Z"), st.text(st.characters(exclude_characters="\0"), max_size=40)))
def test_any_environment_is_written_so_that_it_is_read_again(variables: dict[str, str]) -> None:
    read = [one.split("=", 1) for one in shlex.split(environment(variables))]
    assert dict(map(tuple, read)) == variables


@pytest.mark.parametrize("once", [False, True])
def test_systemd_accepts_the_units(tmp_path: Path, once: bool) -> None:
    service = Service("notebook-seat-1", NOTEBOOK.argv, cwd="/", memory_mib=64, once=once)
    path = tmp_path / unit_name(service.name)
    path.write_text(unit(service, Place("root", str(tmp_path), str(tmp_path))))
    (tmp_path / "notebook-seat-1.env").write_text(environment({"A": "b"}))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "notebook" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr
