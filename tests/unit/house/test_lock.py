"""The lock holds what pyproject.toml asks for, and nothing committed names a package registry or this machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
LINE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^ ;\\]+)", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return {found[1].lower().replace("_", "-"): found[2] for found in LINE.finditer(text)}


def test_the_lock_satisfies_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    versions = locked("lock.txt")
    for requirement in map(Requirement, wanted):
        version = versions.get(requirement.name.lower())
        assert version is not None, f"{requirement.name} is not locked: make lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} against {version}: make lock"


@pytest.mark.parametrize("name", ["lock.txt", "java.txt", "openstack.txt"])
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    entries = [entry for entry in re.split(r"\n(?=[A-Za-z])", text) if "==" in entry]
    assert len(entries) >= len(locked(name)) > 0  # a package may be there once for each kind of machine
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_no_registry_and_no_path_of_one_machine_is_committed() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted", "npm" + "js.org", "maven" + ".org"]
    words = [word.encode() for word in (*hosts, "/work/" + "main", "/work/" + "shared", "/root" + "/")]
    places = [ROOT / name for name in (".ci", "benchmarks", "docs", "requirements", "scripts", "src", "tests")]
    files = [path for place in places for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    files += [path for path in ROOT.iterdir() if path.is_file()]
    named = [str(path.relative_to(ROOT)) for path in files if any(word in path.read_bytes() for word in words)]
    assert named == []
