"""What the cloud for tests is put together from, without one: ports, files, marks, steps, and what it says when it can't."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from scripts.cloud import configuration, environment, lifecycle, ports, processes, services, steps
from scripts.cloud.errors import CloudError
from scripts.cloud.stack import Stack, load, plan

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    made = plan(tmp_path / "c", tmp_path / "venv", hosts=4, open_hosts=1)
    made.save()
    return made


def test_ports_are_neighbours_that_nobody_listens_on() -> None:
    chosen = ports.choose()
    assert set(chosen) == set(ports.NAMES)
    assert sorted(chosen.values()) == list(range(min(chosen.values()), min(chosen.values()) + len(chosen)))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert not ports.all_free(range(number, number + 1))


def test_a_stack_is_kept_for_its_owner_only(stack: Stack) -> None:
    assert load(stack.state) == stack
    assert stat.S_IMODE(stack.state.stat().st_mode) == 0o700
    assert stat.S_IMODE((stack.state / "stack.json").stat().st_mode) == 0o600


def test_every_stack_has_its_own_secrets(stack: Stack, tmp_path: Path) -> None:
    other = plan(tmp_path / "d", tmp_path / "venv", hosts=4, open_hosts=1)
    assert not set(stack.secrets.values()) & set(other.secrets.values())
    assert stack.mark != other.mark


def test_no_stack_where_there_is_none(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    (tmp_path / "stack.json").write_text("{")
    assert load(tmp_path) is None


def test_a_directory_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="shorter --state"):
        plan(tmp_path / ("x" * 100), tmp_path / "venv", hosts=1, open_hosts=1)


def test_files_repeat_a_key_for_each_of_its_values() -> None:
    text = configuration.render({"a": {"one": 1, "many": ("x", "y"), "no": False}, "b": {}})
    assert text.splitlines() == ["[a]", "one = 1", "many = x", "many = y", "no = False", "", "[b]"]


def test_a_hypervisor_sees_no_database(stack: Stack) -> None:
    paste = stack.venv / "etc" / "nova" / "api-paste.ini"
    paste.parent.mkdir(parents=True)
    paste.touch()
    configuration.write(stack)
    assert "mysql" in (stack.etc / "nova" / "nova.conf").read_text()
    assert "mysql" not in (stack.etc / "nova" / configuration.COMPUTE).read_text()
    written = [path for path in stack.etc.rglob("*.conf") if stat.S_IMODE(path.stat().st_mode) != 0o600]
    assert written == []


def test_hosts_of_each_kind_have_their_own_names(stack: Stack) -> None:
    assert services.hosts(stack) == ["host001", "host002", "host003", "host004"]
    assert services.open_hosts(stack) == ["open001"]
    assert services.nvme_hosts(stack) == ["host004"]


def test_only_marked_processes_are_found_and_ended(stack: Stack, tmp_path: Path) -> None:
    other = plan(tmp_path / "d", tmp_path / "venv", hosts=1, open_hosts=1)
    other.save()
    processes.start(stack, "mine", ["sh", "-c", "sleep 300 & sleep 300"])
    processes.start(stack, "mine-too", ["sleep", "300"])
    processes.start(other, "mine", ["sleep", "300"])
    try:
        processes.end(stack, "mine")
        assert set(processes.found(stack).values()) == {"mine-too"}
        processes.end(stack)
        assert not processes.found(stack)
        assert processes.alive(other, "mine")
    finally:
        processes.end(other)


def test_a_failed_command_says_what_it_said(stack: Stack) -> None:
    with pytest.raises(CloudError, match="no such thing"):
        processes.run(stack, "sh", "-c", "echo no such thing; exit 3")


def test_steps_go_after_those_that_they_need() -> None:
    done: list[str] = []
    wanted = [
        steps.Step("c", lambda: done.append("c"), ("a", "b")),
        steps.Step("b", lambda: done.append("b"), ("a",)),
        steps.Step("a", lambda: done.append("a")),
    ]
    steps.run_all(wanted, steps.Clock(quiet=True), abort=lambda: None)
    assert done == ["a", "b", "c"]


def test_after_a_failure_nothing_more_begins() -> None:
    done: list[str] = []

    def fail() -> None:
        raise CloudError("broken")

    wanted = [steps.Step("a", fail), steps.Step("b", lambda: done.append("b"), ("a",))]
    with pytest.raises(CloudError, match="broken"):
        steps.run_all(wanted, steps.Clock(quiet=True), abort=lambda: done.append("aborted"))
    assert done == ["aborted"]


def test_what_a_machine_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "CLOUD", {"mariadb-server-core": ("/nowhere/mariadbd",), "made-up": ("/nowhere",)})
    with pytest.raises(CloudError, match="apt-get install --no-install-recommends mariadb-server-core made-up"):
        environment.check()


def test_services_are_known_by_name(stack: Stack) -> None:
    with pytest.raises(CloudError, match="choose from mariadb, rabbitmq, keystone-api"):
        services.start(stack, "cinder")
    processes.start(stack, "glance-api", ["sleep", "300"])
    try:
        with pytest.raises(CloudError, match="glance-api runs already"):
            services.start(stack, "glance-api")
    finally:
        processes.end(stack)


def test_where_no_cloud_runs_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="make openstack"):
        lifecycle.running(tmp_path)
    command = [sys.executable, "-m", "scripts.cloud", "--state", str(tmp_path), "status"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "No cloud runs in" in told.stderr
    assert "Traceback" not in told.stderr


def test_ending_nothing_is_fine(tmp_path: Path) -> None:
    lifecycle.down(tmp_path, steps.Clock(quiet=True))


def test_the_lock_has_what_was_asked_for() -> None:
    wanted = [line.split("==")[0] for line in (ROOT / "requirements/openstack.in").read_text().splitlines()]
    locked = environment.LOCK.read_text()
    assert all(f"\n{name}==" in f"\n{locked}" for name in wanted if not name.startswith("#"))


def test_no_secret_is_in_any_command_line(stack: Stack) -> None:
    commands = [service.command(stack) for service in services.EVERY.values()]
    told = json.dumps(commands)
    assert not [secret for secret in stack.secrets.values() if secret in told]
