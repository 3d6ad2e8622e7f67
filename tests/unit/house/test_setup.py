"""Set-up's decisions; that it works on a bare machine is seen by running it there."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"almanac_script_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """scripts/setup.py, with its stamps and its virtual environment elsewhere."""
    module = load("setup")
    for directory in (tmp_path / "stamps", tmp_path / "venv" / "bin", tmp_path / "vendor"):
        directory.mkdir(parents=True)
    monkeypatch.setattr(module, "STAMPS", tmp_path / "stamps")
    monkeypatch.setattr(module, "VENV", tmp_path / "venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / "venv" / "bin" / "python")
    monkeypatch.setattr(module, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(module, "missing", lambda _goal: [])
    yield module
    sys.modules.pop(module.__name__)


def names(setup: ModuleType, goal: str) -> list[str]:
    return [step.name for step in setup.outstanding(goal)]


def finish(setup: ModuleType, goal: str) -> None:
    setup.PYTHON.touch()
    for step in setup.steps(goal):
        setup.stamp_of(step).write_text(setup.digest_of(step))


def test_everything_is_to_be_done_once(setup: ModuleType) -> None:
    assert names(setup, "demo") == [
        "debian",
        "environment",
        "packages",
        "bytecode",
        "java",
        "project",
        "archive",
        "browser",
    ]
    finish(setup, "demo")
    assert names(setup, "demo") == []


def test_the_tests_need_only_their_debian_packages_after_the_demo(setup: ModuleType) -> None:
    finish(setup, "demo")
    assert names(setup, "test") == ["debian"]


def test_a_new_lock_redoes_what_hangs_on_it(setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(setup, "demo")
    (tmp_path / "lock.txt").write_text("numpy==9")
    monkeypatch.setattr(setup, "LOCK", tmp_path / "lock.txt")
    assert names(setup, "demo") == ["packages", "bytecode", "java", "project", "archive"]


def test_a_removed_environment_is_made_again(setup: ModuleType) -> None:
    finish(setup, "demo")
    setup.PYTHON.unlink()
    assert names(setup, "demo") == ["environment", "packages", "bytecode", "java", "project", "archive"]


def test_removed_browser_libraries_are_fetched_again(setup: ModuleType) -> None:
    finish(setup, "demo")
    setup.VENDOR.rmdir()
    assert names(setup, "demo") == ["browser"]


def test_without_npm_the_set_up_goes_on_and_looks_again_next_time(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(setup, "demo")
    setup.VENDOR.rmdir()
    monkeypatch.setattr(setup, "KEPT", tmp_path)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "steps", lambda _goal: [step])
    step = setup.Step("browser", "browser libraries", (), ("here",))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert setup.set_up("demo") == 0
    assert "nothing on its pages is live" in capsys.readouterr().err
    assert names(setup, "demo") == ["browser"]


def test_steps_run_in_their_order_and_are_stamped(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for step in setup.steps("demo"):
        monkeypatch.setattr(setup.Setup, step.name, lambda _self, name=step.name: done.append(name))
    setup.PYTHON.touch()
    assert setup.set_up("demo") == 0
    assert sorted(done) == sorted(step.name for step in setup.steps("demo"))
    for step in setup.steps("demo"):
        assert all(done.index(earlier) < done.index(step.name) for earlier in step.after)
    assert names(setup, "demo") == []


def test_a_failure_stops_what_hangs_on_it_and_is_told(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object) -> None:
        raise setup.SetupError("the network is down")

    done: list[str] = []
    for step in setup.steps("demo"):
        monkeypatch.setattr(setup.Setup, step.name, lambda _self, name=step.name: done.append(name))
    monkeypatch.setattr(setup.Setup, "packages", fail)
    setup.PYTHON.touch()
    with pytest.raises(setup.SetupError, match="the network is down"):
        setup.set_up("demo")
    assert set(done) <= {"debian", "environment", "browser"}
    assert names(setup, "demo")[0] == "packages"


def test_what_cannot_be_installed_is_noted_and_looked_for_again(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(setup, "test")
    need = setup.Need("postgresql", "tests on PostgreSQL are left out", lambda: False, goals=("test",))
    monkeypatch.setattr(setup, "missing", lambda _goal: [need])
    monkeypatch.setattr(setup, "administrator", lambda: None)
    setup.stamp_of(setup.steps("test")[0]).unlink()
    assert setup.set_up("test") == 0
    assert "With root: apt-get install postgresql" in capsys.readouterr().err
    assert names(setup, "test") == ["debian"]


def test_what_a_site_configured_for_pip_serves_uv(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Listed:
        stdout = "global.index-url='https://mirror.example/simple'\n:env:.cert='/etc/own.pem'\nglobal.timeout='60'\n"

    monkeypatch.setattr(setup.subprocess, "run", lambda *_args, **_options: Listed)
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/mine.pem")
    settings = setup.uv_settings()
    assert settings["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert "SSL_CERT_FILE" not in settings


def test_a_user_without_a_home_gets_one(setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "KEPT", tmp_path)
    monkeypatch.setenv("HOME", "/nonexistent")
    setup.use_a_writable_home()
    assert os.environ["HOME"] == str(tmp_path / "home")


def test_an_unknown_goal_and_an_unknown_tier(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["script", "everything"])
    assert load("setup").main() == 2
    assert load("tiers").main() == 2
    told = capsys.readouterr().err
    assert "choose demo, test or openstack" in told
    assert "choose from lint, unit, property, contract, integration, e2e" in told


def test_servers_of_debian_are_kept_from_starting(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "POLICY", tmp_path / "policy-rc.d")
    with setup.idle_daemons([]):
        assert subprocess.run([tmp_path / "policy-rc.d"], check=False).returncode == 101
    assert not (tmp_path / "policy-rc.d").exists()


def test_someone_elses_policy_stays(setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policy-rc.d").write_text("theirs")
    monkeypatch.setattr(setup, "POLICY", tmp_path / "policy-rc.d")
    with setup.idle_daemons([]):
        pass
    assert (tmp_path / "policy-rc.d").read_text() == "theirs"


def test_openstack_wants_debian_packages_only(setup: ModuleType) -> None:
    assert names(setup, "openstack") == ["debian"]
    assert {need.package for need in setup.NEEDS if "openstack" in need.goals} == set(setup.CLOUD)


def test_a_python_in_roots_home_gives_way_to_debians(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "home" / "bin" / "python3"
    hidden.parent.mkdir(parents=True)
    hidden.touch()
    hidden.parent.parent.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(hidden))
    monkeypatch.setattr(setup, "DEBIANS", Path("/usr/bin/python3"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert setup.base_python() == "/usr/bin/python3"
    monkeypatch.setattr(setup, "DEBIANS", tmp_path / "none")
    assert setup.base_python() == str(hidden)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert setup.base_python() == str(hidden)
