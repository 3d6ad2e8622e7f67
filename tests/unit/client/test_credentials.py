from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from almanac.client.credentials import DEFAULT_URL, Credential, Credentials, credentials_path, load, resolve, save
from almanac.client.errors import BadCredentials

HERE, THERE = "http://127.0.0.1:8484", "https://almanac.example.org"


def both() -> Credentials:
    return (
        Credentials()
        .signed_in(THERE, Credential("there-token", "eve"))
        .signed_in(HERE, Credential("here-token", "ada"))
    )


def test_without_a_file_there_is_no_token():
    assert resolve() == (DEFAULT_URL, None)


def test_what_is_saved_is_loaded_again():
    save(both())
    assert load() == both()


def test_quotes_and_other_letters_survive():
    odd = Credentials().signed_in(HERE, Credential('to"k\\en', "Zoë"))
    save(odd)
    assert load() == odd


def test_the_file_is_for_its_owner_only():
    path = save(both())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o620])
def test_a_file_that_others_can_reach_is_refused(mode):
    path = save(both())
    path.chmod(mode)
    with pytest.raises(BadCredentials) as caught:
        resolve()
    assert f"chmod 600 {path}" in caught.value.hint


@pytest.mark.parametrize(
    "content", ["default = ", "servers = 3", 'servers."x" = "y"', "default = 3", '[servers."x"]\na = 1']
)
def test_a_file_that_is_none_is_refused(content):
    path = save(both())
    path.write_text(content)
    with pytest.raises(BadCredentials, match="not a credentials file") as caught:
        load()
    assert "almanac login" in caught.value.hint


def test_a_token_is_used_only_for_the_server_it_was_given_for():
    save(both())
    assert resolve() == (HERE, "here-token")
    assert resolve(f"{THERE}/") == (THERE, "there-token")
    assert resolve("https://evil.example.org") == ("https://evil.example.org", None)


def test_the_environment_comes_before_the_file(monkeypatch):
    save(both())
    monkeypatch.setenv("ALMANAC_URL", THERE)
    assert resolve() == (THERE, "there-token")
    monkeypatch.setenv("ALMANAC_TOKEN", "other")
    assert resolve() == (THERE, "other")
    assert resolve(HERE, "mine") == (HERE, "mine")


def test_with_both_in_the_environment_the_file_isnt_even_read(monkeypatch):
    save(both()).chmod(0o666)
    monkeypatch.setenv("ALMANAC_URL", THERE)
    monkeypatch.setenv("ALMANAC_TOKEN", "other")
    assert resolve() == (THERE, "other")


def test_signing_out_forgets_one_server():
    assert resolve_after(both().signed_out(HERE)) == (HERE, None)


def resolve_after(credentials: Credentials) -> tuple[str, str | None]:
    save(credentials)
    return resolve()


def test_tokens_are_not_shown():
    assert "here-token" not in repr(both())


def test_the_usual_place(monkeypatch):
    monkeypatch.delenv("ALMANAC_CONFIG")
    assert credentials_path() == Path.home() / ".config" / "almanac" / "credentials.toml"


def test_a_directory_that_cant_be_made_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ALMANAC_CONFIG", str(tmp_path / "file" / "credentials.toml"))
    with pytest.raises(BadCredentials, match="can't be written"):
        save(both())
    with pytest.raises(BadCredentials, match="can't be read"):
        load()


def test_a_full_disk_or_a_kill_half_way_leaves_the_old_file(monkeypatch):
    path = save(both())
    monkeypatch.setattr(os, "fdopen", no_space)
    with pytest.raises(BadCredentials):
        save(Credentials())
    monkeypatch.undo()
    os.environ["ALMANAC_CONFIG"] = str(path)
    assert load(path) == both()


def no_space(handle: int, *_: object, **__: object) -> None:
    os.close(handle)
    raise OSError(28, "No space left on device")
