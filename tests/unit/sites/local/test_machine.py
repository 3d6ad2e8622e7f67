"""What this machine offers and how far it keeps clusters apart, in words and numbers."""

from __future__ import annotations

import subprocess

import pytest

from almanac.core.ports import Permanent
from almanac.sites.local import isolation, machine, sandbox
from almanac.sites.local.isolation import Isolation, find_isolation

GPUS = "GPU 0: NVIDIA H100 (UUID: GPU-1)\nGPU 1: NVIDIA H100 (UUID: GPU-2)\n"


def answer(text: str, code: int = 0):
    return lambda *a, **k: subprocess.CompletedProcess(a, code, stdout=text, stderr=text)


def test_the_host_is_this_machine_less_a_reserve(tmp_path):
    host = machine.find_host(tmp_path, 2.0, machine.memory_mib() - 100, 0)
    assert host.resources.memory_mib == 100
    assert host.resources.cores % 2 == 0
    assert machine.find_host(tmp_path, 2.0, 10**9, 10**9).resources.vector[1:3] == (0, 0)


def test_memory_is_capped_by_a_container(tmp_path, monkeypatch):
    cap = tmp_path / "memory.max"
    cap.write_text(str(2 * 2**30))
    monkeypatch.setattr(machine, "_MEMORY_CAPS", (cap, tmp_path / "none"))
    assert machine.memory_mib() == 2048
    cap.write_text("max")
    assert machine.memory_mib() > 2048


@pytest.mark.parametrize(("text", "code", "count"), [(GPUS, 0, 2), ("", 0, 0), ("NVIDIA-SMI has failed\n", 9, 0)])
def test_gpus_are_counted(monkeypatch, text, code, count):
    monkeypatch.setattr(machine.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(machine.subprocess, "run", answer(text, code))
    assert machine.gpus() == count


def test_no_gpu_tool_is_no_gpu(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda _: None)
    assert machine.gpus() == 0


def as_root(monkeypatch, refused: str = "", trouble: str = "") -> None:
    monkeypatch.setattr(isolation.os, "geteuid", lambda: 0)
    monkeypatch.setattr(isolation, "_namespaces_refused", lambda: refused)
    monkeypatch.setattr(isolation.cgroups, "trouble", lambda _: trouble)


def test_everything_in_words(monkeypatch):
    as_root(monkeypatch)
    found = find_isolation()
    assert found.closed
    assert str(found) == (
        "Each cluster has a user of its own, its own processes and files (namespaces), a network of its own that leads "
        "nowhere and caps on memory, processor time and processes (control groups); its seats share that. "
        "The scratch disk isn't capped."
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"trouble": "no control groups are mounted"}, "not capped: no control groups are mounted"),
        ({"refused": "unshare failed: Operation not permitted"}, "not possible here (unshare failed"),
    ],
)
def test_what_is_missing_is_said_with_the_reason(monkeypatch, facts, words):
    as_root(monkeypatch, **facts)
    found = find_isolation()
    assert words in str(found)
    assert found.own_uid
    assert found.closed is ("trouble" in facts)


def test_an_open_network_is_a_choice(monkeypatch):
    as_root(monkeypatch)
    assert not find_isolation("open").closed
    assert "as configured" in str(find_isolation("open"))
    with pytest.raises(Permanent, match="'closed' or 'open'"):
        find_isolation("ajar")


def test_without_root_it_says_how_to_have_more(monkeypatch):
    monkeypatch.setattr(isolation.os, "geteuid", lambda: 1000)
    found = find_isolation()
    assert found == Isolation(missing=found.missing)
    assert "share one user" in str(found)
    assert "Run Almanac as root" in str(found)


@pytest.mark.parametrize("tool", ["setsid", "setpriv"])
def test_a_missing_tool_is_named(monkeypatch, tool):
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None if name == tool else f"/usr/bin/{name}")
    with pytest.raises(Permanent, match=f"{tool} is missing; it comes with the package util-linux"):
        find_isolation()


def test_a_refusal_of_namespaces_is_quoted(monkeypatch):
    monkeypatch.setattr(isolation.subprocess, "run", answer("unshare: unshare failed: Operation not permitted\n", 1))
    assert isolation._namespaces_refused() == "unshare: unshare failed: Operation not permitted"
    monkeypatch.setattr(
        isolation.subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(FileNotFoundError("unshare"))
    )
    assert "unshare" in isolation._namespaces_refused()


def test_what_bars_the_way_is_covered_at_its_top(tmp_path, monkeypatch):
    """Whatever lies below a covered directory needs no cover of its own."""
    monkeypatch.setattr(sandbox, "_PRIVATE", ())
    home, state = tmp_path / "home", tmp_path / "open/state"
    (home / "closed too/venv").mkdir(parents=True)
    for directory, mode in ((home / "closed too", 0o700), (home, 0o700)):
        directory.chmod(mode)
    barriers = [above for above in reversed((home / "x").parents) if not above.stat().st_mode & 0o001]
    hidden = sandbox.covers(str(state), [str(home / "closed too/venv"), "/usr"])
    expected = {str(barriers[0])} if barriers[0] in state.parents else {str(barriers[0]), str(state)}
    assert set(hidden) == expected
