"""The recipe for an image: a script that carries the agent and the package, and runs on any distribution."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from almanac.node import runtime as runtime_module
from almanac.node.runtime import CantInstall, Runtime
from almanac.sites.openstack.image import recipe
from almanac.sites.openstack.user_data import agent
from almanac.spark import package


def test_the_script_is_one_and_carries_what_machines_get(tmp_path: Path) -> None:
    script = tmp_path / "bake.sh"
    script.write_text(recipe())
    subprocess.run(["sh", "-n", str(script)], check=True)
    unpacking = recipe().partition("python3 -I")[0].replace("/opt/almanac", str(tmp_path / "opt"))
    script.write_text(unpacking.replace('[ "$(id -u)" != 0 ]', "false") + f'cp "$scratch/package.zip" {tmp_path}\n')
    subprocess.run(["sh", str(script)], check=True)
    assert (tmp_path / "opt/node.pyz").read_bytes() == agent()
    assert (tmp_path / "package.zip").read_bytes() == package.package()


def test_who_isnt_root_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "bake.sh"
    script.write_text(recipe().replace('"$(id -u)"', "1000"))
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Run this as root.\n")


def baked(opt: Path) -> Runtime:
    """A runtime whose Python is the one that runs this test."""
    runtime = Runtime(opt)
    runtime.unpack(BytesIO(package.package()), package.digest())
    (opt / "venv").mkdir()
    for name in ("bin", "lib"):
        (opt / "venv" / name).symlink_to(Path(sys.prefix) / name)
    (opt / "venv/.almanac").write_text(package.requirements() + package.constraints())
    return runtime


def test_a_baked_machine_installs_nothing(tmp_path: Path) -> None:
    opt = tmp_path / "opt"
    runtime = baked(opt)
    assert runtime.has(package.digest())
    assert not runtime.has("another")
    runtime.complete()
    for path in ("java/bin/java", "spark/jars", "venv/bin/python", "conf", "package/almanac/spark/warm_up.py"):
        assert (opt / path).exists(), path
    assert (opt / "package/almanac/data").stat().st_mode & 0o777 == 0o755


def test_a_newer_package_replaces_the_older_one(tmp_path: Path) -> None:
    runtime = baked(tmp_path / "opt")
    newer = BytesIO()
    with zipfile.ZipFile(newer, "w") as archive:
        archive.writestr("almanac/__init__.py", "newer")
    for _ in range(2):
        newer.seek(0)
        runtime.unpack(newer, "newer")
        assert runtime.has("newer")
    assert sorted(path.name for path in (tmp_path / "opt").glob("*package*")) == ["package", "package-newer"]
    assert (tmp_path / "opt/package/almanac/__init__.py").read_text() == "newer"


def test_a_machine_that_can_install_nothing_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = baked(tmp_path / "opt")
    (tmp_path / "opt/venv/.almanac").unlink()
    (tmp_path / "opt/venv/bin").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("almanac.node.runtime._newest_java", lambda: None)
    with pytest.raises(CantInstall, match="no Java 17"):
        runtime.complete()
    (tmp_path / "jdk/bin").mkdir(parents=True)
    (tmp_path / "jdk/bin/java").touch()
    monkeypatch.setattr("almanac.node.runtime._newest_java", lambda: tmp_path / "jdk")
    with pytest.raises(CantInstall, match=r"no Python 3\.11"):
        runtime.complete()


@pytest.mark.parametrize(
    ("manager", "offers", "asked"),
    [
        ("apt-get", "python3-venv", [["python3-venv"]]),
        (
            "apt-get",
            "python3.11",
            [["python3-venv"], ["python3.12", "python3.12-venv"], ["python3.11", "python3.11-venv"]],
        ),
        ("dnf", "python3.12", [["python3.12"]]),
    ],
)
def test_of_the_distributions_pythons_the_first_that_will_do_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: str, offers: str, asked: list[list[str]]
) -> None:
    installed: list[list[str]] = []

    def quietly(command: list[str]) -> bool:
        if "install" not in command:
            return True
        names = [word for word in command if word.startswith("python")]
        installed.append(names)
        return offers in names

    monkeypatch.setattr(runtime_module, "_quietly", quietly)
    monkeypatch.setattr(runtime_module, "_manager", lambda: manager)
    monkeypatch.setattr(
        runtime_module, "_newest_python", lambda: sys.executable if installed and offers in installed[-1] else None
    )
    assert Runtime(tmp_path)._python() == sys.executable
    assert installed == asked
