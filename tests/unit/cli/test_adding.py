"""almanac site add: the entry must be there, and what comes next is said."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from almanac.cli import output
from almanac.cli.main import run

CLOUDS = """
clouds:
  east-cloud: {auth: {auth_url: "http://127.0.0.1:1/identity", username: a, password: b, project_name: p}}
  west-cloud: {auth: {auth_url: "http://127.0.0.1:1/identity", username: a, password: b, project_name: p}}
"""
ADD = ("site", "add", "east", "--cloud", "east-cloud", "--image", "debian-12", "--public-url", "http://10.0.0.1:8484")


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """A home with a clouds.yaml at the usual place."""
    for name in ("ALMANAC_LOCAL__ENABLED", "OS_CLIENT_CONFIG_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    usual = tmp_path / ".config" / "openstack"
    usual.mkdir(parents=True)
    (usual / "clouds.yaml").write_text(CLOUDS)
    (usual / "clouds.yaml").chmod(0o600)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALMANAC_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("openstack.config.loader.CONFIG_SEARCH_PATH", [str(work), str(usual)])
    monkeypatch.setattr("openstack.config.loader.CONFIG_FILES", [str(place / "clouds.yaml") for place in (work, usual)])
    return tmp_path


@pytest.fixture(autouse=True)
def _fresh_consoles():
    """They hold the streams of the first who wrote."""
    output.forget_consoles()
    yield
    output.forget_consoles()


def written(home: Path) -> list[dict]:
    return tomllib.loads((home / "state" / "almanac.toml").read_text())["openstack"]


def test_a_cloud_is_written_down_and_what_comes_next_is_said(home, capsys):
    more = [
        "--network",
        "private",
        "--flavor",
        "m.*",
        "--flavor",
        "g.*",
        "--data",
        "gaia-dr3",
        "--price-per-core-hour",
        "0.02",
    ]
    assert run([*ADD, *more]) == 0
    assert written(home) == [
        {
            "name": "east",
            "cloud": "east-cloud",
            "image": "debian-12",
            "network": "private",
            "flavors": ["m.*", "g.*"],
            "data": ["gaia-dr3"],
            "price_per_core_hour": 0.02,
            "public_url": "http://10.0.0.1:8484",
        }
    ]
    said = capsys.readouterr()
    assert "Next: almanac site check east" in said.out
    assert "almanac down; almanac up" in said.out
    assert said.err == ""


def test_a_file_that_almanac_would_not_find_is_written_down_with_its_path(home, capsys, monkeypatch):
    (home / "work" / "clouds.yaml").write_text(CLOUDS)
    assert run(ADD) == 0
    assert written(home)[0]["clouds_file"] == str(home / "work" / "clouds.yaml")
    assert "Others can read" in capsys.readouterr().err
    other = home / "other.yaml"
    other.write_text(CLOUDS)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(other))
    assert run([*ADD[:2], "west", "--cloud", "west-cloud", *ADD[5:], "--json"]) == 0
    assert written(home)[1]["clouds_file"] == str(other)
    assert json.loads(capsys.readouterr().out)["settings"]["name"] == "west"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*ADD[:4], "nowhere", *ADD[5:]), ("has no entry 'nowhere'. It has: east-cloud, west-cloud.", "--cloud")),
        ((*ADD, "--clouds-file", "missing.yaml"), ("There is no clouds.yaml at missing.yaml", "--clouds-file")),
        (ADD[:7], ("Say where the cloud's machines reach this Almanac.", "--public-url")),
        ((*ADD[:5], *ADD[7:]), ("images can't be listed", "--image")),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_written(home, capsys, arguments, words):
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words)
    assert "Traceback" not in said
    assert not (home / "state" / "almanac.toml").exists()


def test_a_site_that_is_there_already_is_refused(home, capsys):
    assert run(ADD) == 0
    assert run(ADD) == 1
    assert "There is a site east" in capsys.readouterr().err


def test_checking_what_is_no_cloud_says_what_there_is(home, capsys):
    assert run(["site", "check", "moon"]) == 1
    assert "Add one: almanac site add" in capsys.readouterr().err
    run(ADD)
    assert run(["site", "check", "moon"]) == 1
    assert "There is: east." in capsys.readouterr().err


def test_a_check_that_can_not_sign_in_tries_nothing_else(home, capsys):
    run(ADD)
    assert run(["site", "check", "east"]) == 1
    said = capsys.readouterr()
    assert "FAILED  credentials:" in said.out
    assert "services: Not tried, as credentials failed." in said.out
    assert "east can't be used as it is: credentials." in said.err
    assert run(["site", "check", "east", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert [step["outcome"] for step in told["steps"]][:2] == ["failed", "skipped"]
