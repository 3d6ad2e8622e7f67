"""Adding a site to almanac.toml: what people wrote stays, what isn't right changes nothing."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from almanac.cli import settings_file
from almanac.cli.settings_file import add_site
from almanac.core.errors import BadRequest, Conflict

EAST = {"name": "east", "cloud": "east-cloud", "image": "debian-12", "public_url": "https://almanac.example.org"}
WRITTEN = """\
# ours
port = 9000   # not the usual one

[local]
enabled = false  # this machine is too small
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch) -> Path:
    for name in ("ALMANAC_STATE", "ALMANAC_LOCAL__ENABLED"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "almanac.toml"


def test_a_new_file_is_for_its_owner_only(path):
    settings = add_site(path, "openstack", EAST, path.parent)
    assert [cloud.name for cloud in settings.openstack] == ["east"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tomllib.loads(path.read_text()) == {"openstack": [EAST]}


def test_comments_order_and_mode_stay(path):
    path.write_text(WRITTEN)
    path.chmod(0o640)
    add_site(path, "openstack", EAST, path.parent)
    add_site(path, "openstack", EAST | {"name": "west"}, path.parent)
    text = path.read_text()
    assert text.startswith(WRITTEN + '\n[[openstack]]\nname = "east"\n')
    assert [site["name"] for site in tomllib.loads(text)["openstack"]] == ["east", "west"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "settings.toml"
    real.write_text(WRITTEN)
    path.symlink_to(real)
    add_site(path, "openstack", EAST, path.parent)
    assert path.is_symlink()
    assert "east-cloud" in real.read_text()


@pytest.mark.parametrize(
    ("text", "table", "error", "words"),
    [
        (WRITTEN, EAST | {"image": ""}, BadRequest, "openstack.0.image"),
        (WRITTEN, EAST | {"name": "Östlich"}, BadRequest, "openstack.0.name"),
        (WRITTEN, {**EAST, "public_url": ""}, BadRequest, "machines of east don't know where Almanac is"),
        ('[[openstack]]\nname = "east"\n', EAST, Conflict, "There is a site east in"),
        ('[local]\nname = "east"\n', EAST, BadRequest, "two sites have the name east"),
        ("port = \n", EAST, BadRequest, "almanac.toml"),
        ("openstack = []\n", EAST, BadRequest, "not a list of tables"),
    ],
)
def test_what_is_not_right_changes_nothing(path, text, table, error, words):
    path.write_text(text)
    with pytest.raises(error) as refused:
        add_site(path, "openstack", table, path.parent)
    assert words in refused.value.message
    assert refused.value.hint
    assert path.read_text() == text
    assert [file.name for file in path.parent.iterdir()] == ["almanac.toml"]


def test_a_crash_in_the_middle_changes_nothing(path, monkeypatch):
    path.write_text(WRITTEN)

    def fail(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(settings_file.os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        add_site(path, "openstack", EAST, path.parent)
    assert path.read_text() == WRITTEN
    assert [file.name for file in path.parent.iterdir()] == ["almanac.toml"]
