"""What a machine finds of itself: disks that nobody uses, GPUs, listening ports; and how services fare."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from almanac.node import activity, disks, gpus, machine, words
from almanac.node.keeper import judge, listening
from almanac.node.orders import Service
from almanac.node.systemd import Unit

GIB = 2**30


class Commands:
    """Answers for commands, and what was run."""

    def __init__(self, **answers: tuple[int, str]) -> None:
        self.answers = answers
        self.ran: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        self.ran.append(list(command))
        name = command[0].partition(".")[0]
        if name == "blkid":
            name = "label" if command[1] == "-L" else "probe"
        return self.answers.get(name, {"label": (2, ""), "probe": (2, "")}.get(name, (0, "")))

    def named(self, name: str) -> list[list[str]]:
        return [command for command in self.ran if command[0] == name]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mounts").write_text("/dev/vda1 / ext4 rw 0 0\n")
    (tmp_path / "proc/swaps").write_text("Filename Type Size Used Priority\n")
    (tmp_path / "block").mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(disks.os, "open", lambda *_: 99)
    monkeypatch.setattr(disks.os, "close", lambda _: None)
    return tmp_path


def add_disk(tree: Path, name: str = "nvme0n1", gib: int = 100, *inside: str, ro: str = "0") -> None:
    block = tree / "block" / name
    for path in ("holders", *inside):
        (block / path).mkdir(parents=True)
    (block / "size").write_text(f"{gib * GIB // 512}\n")
    (block / "ro").write_text(f"{ro}\n")
    (block / "removable").write_text("0\n")


def unused(tree: Path, run: Commands) -> list[str]:
    return [disk.device for disk in disks.unused(run, tree / "block", tree / "proc")]


def mount(tree: Path, run: Commands) -> str:
    return disks.mount_scratch(tree / "scratch", run, tree / "block", tree / "proc")


def test_the_largest_unused_disk_becomes_scratch(tree: Path) -> None:
    add_disk(tree, "nvme0n1", 100)
    add_disk(tree, "nvme1n1", 800)
    add_disk(tree, "vda", 50)
    run = Commands()
    assert unused(tree, run) == ["/dev/nvme1n1", "/dev/nvme0n1"]
    assert mount(tree, run).endswith("on a local NVMe disk (/dev/nvme1n1)")
    assert [command[-1] for command in run.named("mkfs.ext4")] == ["/dev/nvme1n1"]
    assert [command[-2:] for command in run.named("mount")] == [["/dev/nvme1n1", str(tree / "scratch")]]


@pytest.mark.parametrize("why", ["partition", "array", "mounted", "swap", "read-only", "small", "table", "held"])
def test_a_disk_that_carries_anything_is_left_alone(tree: Path, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = {"partition": ("nvme0n1p1",), "array": ("holders/md0",)}.get(why, ())
    add_disk(tree, "nvme0n1", 1 if why == "small" else 100, *inside, ro="1" if why == "read-only" else "0")
    if why == "mounted":
        (tree / "proc/self/mounts").write_text("/dev/nvme0n1 /data ext4 rw 0 0\n")
    if why == "swap":
        (tree / "proc/swaps").write_text("Filename\n/dev/nvme0n1 partition 1 0 -2\n")
    if why == "held":

        def busy(*_: object) -> int:
            raise OSError(16, "Device or resource busy")

        monkeypatch.setattr(disks.os, "open", busy)
    run = Commands(probe=(0, 'TYPE="LVM2_member"')) if why == "table" else Commands()
    assert unused(tree, run) == []
    assert mount(tree, run).endswith("on the root disk, as there is no unused NVMe disk")
    assert not run.named("mkfs.ext4") + run.named("mount")


@pytest.mark.parametrize("answer", [(8, "ambivalent"), (4, "usage"), (127, "no such command"), (2, "odd words")])
def test_in_doubt_a_disk_is_left_alone(tree: Path, answer: tuple[int, str]) -> None:
    add_disk(tree)
    assert unused(tree, Commands(probe=answer)) == []


def test_after_a_restart_the_same_disk_is_mounted_as_it_is(tree: Path) -> None:
    run = Commands(label=(0, "/dev/nvme0n1"), probe=(0, 'LABEL="almanac-scratch"'))
    add_disk(tree)
    assert mount(tree, run).endswith("a local NVMe disk (/dev/nvme0n1)")
    assert not run.named("mkfs.ext4")
    (tree / "proc/self/mounts").write_text(f"/dev/nvme0n1 {tree / 'scratch'} ext4 rw 0 0\n")
    run = Commands()
    assert mount(tree, run).endswith("on a local NVMe disk")
    assert run.ran == []


@pytest.mark.parametrize(("failing", "words_"), [("mkfs", "no such command"), ("mount", "wrong fs type")])
def test_a_disk_that_cant_be_used_is_told_and_the_next_one_tried(tree: Path, failing: str, words_: str) -> None:
    add_disk(tree)
    assert mount(tree, Commands(**{failing: (32, words_)})).endswith(f"on the root disk: {words_}")


def test_gpus_are_counted_on_the_bus_and_a_missing_driver_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slot, (kind, vendor) in enumerate(
        [("0x030200", "0x10de"), ("0x030000", "0x10de"), ("0x030000", "0x1234"), ("0x020000", "0x10de")]
    ):
        device = tmp_path / f"0000:00:0{slot}.0"
        device.mkdir()
        (device / "class").write_text(f"{kind}\n")
        (device / "vendor").write_text(f"{vendor}\n")
    assert gpus.count_on_bus(tmp_path) == 2
    monkeypatch.setattr(gpus, "count_on_bus", lambda: 2)
    monkeypatch.setattr(gpus, "count_by_driver", lambda: 0)
    assert gpus.find() == (0, "This machine has 2 GPU(s) but no driver for them: its image needs NVIDIA's.")
    monkeypatch.setattr(gpus, "count_by_driver", lambda: 2)
    assert gpus.find() == (2, "")


def test_gpus_are_counted_by_their_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.count_by_driver() == 0
    smi = tmp_path / "nvidia-smi"
    smi.write_text(
        "#!/bin/sh\necho 'GPU 0: NVIDIA H100 (UUID: GPU-1)'\necho '  MIG 1g.10gb Device 0:'\necho 'GPU 1: H'\n"
    )
    smi.chmod(0o755)
    assert gpus.count_by_driver() == 2
    smi.write_text("#!/bin/sh\necho 'GPU 0: lost'\nexit 9\n")
    assert gpus.count_by_driver() == 0


def test_listening_ports_are_found_on_whatever_address(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n"
        "   1: 0500000A:22B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n"
        "   2: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000\n"
    )
    assert listening([str(tmp_path / "tcp"), str(tmp_path / "missing")]) == {8080, 8888}


WEB = Service("web", ("x",), ports={"web": 8080, "ui": 1}, ready="web")


@pytest.mark.parametrize(
    ("service", "unit", "ports", "state"),
    [
        (WEB, Unit("active", "running"), {8080}, "ready"),
        (WEB, Unit("active", "running"), {1}, "starting"),
        (WEB, Unit("activating", "start"), {8080}, "starting"),
        (WEB, Unit("activating", "auto-restart", 3), {8080}, "failed"),
        (WEB, Unit("failed", "failed"), set(), "failed"),
        (WEB, Unit(), set(), "starting"),
        (WEB, Unit("deactivating", "stop-sigterm"), {8080}, "starting"),
        (Service("plain", ("x",)), Unit("active", "running"), set(), "ready"),
        (Service("once", ("x",), once=True), Unit("active", "running"), set(), "starting"),
        (Service("once", ("x",), once=True), Unit("active", "exited"), set(), "ended"),
        (Service("once", ("x",), once=True), Unit("failed", "failed"), set(), "ended"),
    ],
)
def test_how_a_service_fares(service: Service, unit: Unit, ports: set[int], state: str) -> None:
    assert judge(service, unit, ports) == state


@pytest.mark.parametrize(
    ("service", "unit", "line", "says"),
    [
        ("connect", Unit("failed", "failed", 0, "1", "exit-code"), "", "Spark Connect ended (exit status 1)."),
        ("worker-2", Unit("activating", "auto-restart", 1, "9", "oom-kill"), "x",
         "Spark worker 2 ended (oom kill) and was started again once. Its log says: x"),
        ("notebook-seat-3", Unit("activating", "auto-restart", 4, "0", "success"), "",
         "The notebook of seat 3 ended (success) and was started again 4 times."),
    ],
)  # fmt: skip
def test_an_end_is_told_in_words(service: str, unit: Unit, line: str, says: str) -> None:
    assert words.ended(service, unit, line) == says


def test_what_is_awaited_is_told_in_words() -> None:
    assert words.starting([]) == ""
    assert words.starting(["master"]) == "The Spark master is starting."
    assert words.starting(["warm-up", "connect", "other"]) == "The warm-up and 2 more are starting."


def test_starting_up_is_no_use_and_work_is() -> None:
    watched = activity.Activity()
    watched.judge(3.0, 0.2, 10.0)
    assert watched.idle_s() is None
    watched.judge(0.1, 0.2, 15.0)
    watched.judge(0.5, 0.2, 20.0)
    assert watched.last == 20.0
    watched.judge(0.1, 0.2, 25.0)
    assert watched.last == 20.0


def test_a_busy_start_counts_after_a_minute() -> None:
    watched = activity.Activity()
    watched.judge(3.0, 0.2, 61.0)
    assert watched.last == 61.0


def test_what_the_machine_is() -> None:
    found = machine.facts()
    assert found["cores"] >= 1
    assert found["memory_mib"] > 100
    assert found["system"]


TRACES = {
    "a file system": ["mkfs.ext4", "-q", "-F"],
    "swap": ["mkswap", "-q"],
    "a partition table": ["sh", "-c", 'echo "label: gpt" | sfdisk -q "$0"'],
    "an old partition table": ["sh", "-c", 'echo "label: dos" | sfdisk -q "$0"'],
}


def test_a_blank_disk_is_known_as_such_by_the_real_tools(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.touch()
    os.truncate(disk, 64 * 2**20)
    assert disks._blank(disks.Disk(str(disk), 0), disks.run)


@pytest.mark.parametrize("trace", TRACES)
def test_a_disk_with_any_trace_is_known_as_such_by_the_real_tools(tmp_path: Path, trace: str) -> None:
    disk = tmp_path / "disk"
    disk.touch()
    os.truncate(disk, 64 * 2**20)
    status, said = disks.run([*TRACES[trace], str(disk)])
    assert status == 0, said
    assert not disks._blank(disks.Disk(str(disk), 0), disks.run)
