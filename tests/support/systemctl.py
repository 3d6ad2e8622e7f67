"""A small ``systemctl`` for tests: it runs the units that it is asked for as child processes, as systemd would.

Put on the PATH as ``systemctl``; ALMANAC_TEST_UNITS names the directory of units. Just what the agent asks: start, stop, show,
daemon-reload, reset-failed; ``User``, ``EnvironmentFile``, ``WorkingDirectory``, ``ExecStart``, ``StandardOutput=append:``,
``Restart=always``, ``RemainAfterExit`` and ``TimeoutStopSec`` of units. A unit's keeper ends with the unit. Mount units are
mounted and unmounted for real.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path(os.environ["ALMANAC_TEST_UNITS"])
NOTHING = {
    "ActiveState": "inactive",
    "SubState": "dead",
    "NRestarts": 0,
    "ExecMainStatus": 0,
    "Result": "success",
    "pid": 0,
}
TICKS = os.sysconf("SC_CLK_TCK")


def state_file(unit: str) -> Path:
    return UNITS / f".{unit}.json"


def state(unit: str) -> dict[str, object]:
    try:
        kept = json.loads(state_file(unit).read_text())
    except FileNotFoundError:
        return dict(NOTHING)
    if kept["ActiveState"] != "inactive" and not Path(f"/proc/{kept['keeper']}").exists():
        return dict(NOTHING)
    return kept


def tell(unit: str, **news: object) -> None:
    aside = state_file(unit).with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(state(unit) | {"keeper": os.getpid()} | news))
    aside.replace(state_file(unit))


def settings(unit: str) -> dict[str, str]:
    lines = (UNITS / unit).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def environment(path: str) -> dict[str, str]:
    return dict(one.split("=", 1) for one in shlex.split(Path(path).read_text()))


def keep(unit: str) -> None:
    """Run a unit until told to stop."""
    told = settings(unit)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    argv = [one.replace("$$", "$").replace("%%", "%") for one in shlex.split(told["ExecStart"])]
    user = {}
    if "User" in told:
        found = pwd.getpwnam(told["User"])
        user = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    restarts = 0
    while True:
        with Path(told["StandardOutput"].removeprefix("append:")).open("ab") as log:
            process = subprocess.Popen(
                argv, env=environment(told["EnvironmentFile"]), cwd=told["WorkingDirectory"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, **user,
            )  # fmt: skip
        tell(unit, ActiveState="active", SubState="running", pid=process.pid, NRestarts=restarts)
        while process.poll() is None and not stopping:
            time.sleep(0.02)
        if stopping:
            end(process, float(told["TimeoutStopSec"]))
            tell(unit, **NOTHING)
            return
        failed = process.returncode not in {0, -signal.SIGTERM}
        result = {"ExecMainStatus": process.returncode, "Result": "exit-code" if failed else "success", "pid": 0}
        if told["Restart"] != "always":
            after = ("failed", "failed") if failed else ("active", "exited")
            tell(unit, ActiveState=after[0], SubState=after[1], **result)
            while not stopping:
                time.sleep(0.05)
            tell(unit, **NOTHING)
            return
        restarts += 1
        tell(unit, ActiveState="activating", SubState="auto-restart", NRestarts=restarts, **result)
        time.sleep(0.3)


def end(process: subprocess.Popen[bytes], patience_s: float) -> None:
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def start(unit: str) -> None:
    if state(unit)["ActiveState"] not in {"inactive", "failed"}:
        return
    stop(unit)
    child = subprocess.Popen(
        [sys.executable, __file__, "keep", unit], start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=(UNITS / ".errors").open("ab"),
    )  # fmt: skip
    while state(unit)["ActiveState"] == "inactive" and child.poll() is None:
        time.sleep(0.01)


def stop(unit: str) -> None:
    found = state(unit)
    if found["ActiveState"] != "inactive":
        os.kill(int(str(found["keeper"])), signal.SIGTERM)
        while state(unit)["ActiveState"] != "inactive":
            time.sleep(0.02)


def mount(command: str, unit: str) -> None:
    told = settings(unit)
    if command == "start":
        Path(told["Where"]).mkdir(parents=True, exist_ok=True)
        kind, options = ("-t", told["Type"]), ("-o", told["Options"])
        subprocess.run(["mount", *kind, *options, told["What"], told["Where"]], check=True)
    elif command == "stop" and Path(told["Where"]).is_mount():
        subprocess.run(["umount", told["Where"]], check=True)


def show(unit: str) -> None:
    found = state(unit)
    used = cpu_ns(int(str(found["pid"])))
    lines = [f"{name}={value}" for name, value in found.items() if name[0].isupper()]
    print("\n".join([f"Id={unit}", *lines, f"CPUUsageNSec={used}"]), end="\n\n")


def cpu_ns(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return "[not set]"
    return str((int(fields[11]) + int(fields[12])) * 1_000_000_000 // TICKS)


def main(arguments: list[str]) -> int:
    words = [one for one in arguments if not one.startswith("--")]
    command, units = words[0], words[1:]
    if command == "daemon-reload":
        return 0
    for unit in units:
        if unit.endswith(".mount"):
            try:
                mount(command, unit)
            except subprocess.CalledProcessError as failed:
                return failed.returncode
            continue
        {"keep": keep, "start": start, "stop": stop, "show": show, "reset-failed": stop}[command](unit)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
