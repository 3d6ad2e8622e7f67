"""Where there is a door, and at which ports: they are its own from the moment that they are chosen."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from almanac.core.errors import SiteTrouble
from almanac.frontdoor import ports
from almanac.server import entrance
from almanac.settings import DoorSettings, Settings
from almanac.spark.trial import free_ports

HERE = "127.0.0.1"


def chosen(kept: Path, wanted: tuple[int, int] = (0, 0), usual: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """The ports, let go of again."""
    found = ports.choose(kept, HERE, wanted, usual)
    for holder in found.held.values():
        holder.close()
    return found.entrance, found.platforms


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "door" / "ports.json"


@pytest.fixture
def usual() -> tuple[int, int]:
    """Two ports that are free."""
    first, second = free_ports(("first", "second")).values()
    return first, second


def test_where_caddy_is_there_is_a_door_unless_somebody_says_no(tmp_path: Path):
    found = entrance.find_entrance(Settings(state=tmp_path, port=0))
    assert found is not None
    assert set(found.ports.held) == {found.ports.entrance, found.ports.platforms}
    found.proxy("http://127.0.0.1:9").close()
    assert entrance.find_entrance(Settings(state=tmp_path, door=DoorSettings(enabled=False))) is None


def test_without_caddy_there_is_none_and_who_wants_one_is_told_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entrance, "find_program", lambda: None)
    assert entrance.find_entrance(Settings(state=tmp_path)) is None
    with pytest.raises(SiteTrouble) as missing:
        entrance.find_entrance(Settings(state=tmp_path, door=DoorSettings(enabled=True)))
    assert "apt-get install caddy" in missing.value.hint


def test_the_usual_ports_unless_others_have_them(kept: Path, usual: tuple[int, int]):
    assert chosen(kept, usual=usual) == usual
    with socket.create_server((HERE, usual[0])):
        other, same = chosen(kept, usual=usual)
    assert same == usual[1]
    assert other not in usual


def test_a_port_stays_from_one_start_to_the_next(kept: Path, usual: tuple[int, int]):
    first = chosen(kept)
    assert chosen(kept, usual=usual) == first


@pytest.mark.parametrize("said", ["", "[1]", "nonsense", '{"a": 1}', '["x", "y"]'])
def test_a_broken_file_of_ports_is_none(kept: Path, usual: tuple[int, int], said: str):
    kept.parent.mkdir()
    kept.write_text(said)
    assert chosen(kept, usual=usual) == usual


def test_what_the_operator_chose_is_taken_as_it_is(kept: Path, usual: tuple[int, int]):
    with socket.create_server((HERE, usual[0])):
        found = ports.choose(kept, HERE, usual)
    assert (found.entrance, found.platforms, found.held) == (*usual, {})


@pytest.mark.parametrize("reusing", [0, 1])
def test_a_port_that_is_held_is_nobody_elses_and_nothing_answers_there(reusing: int):
    with closing(ports.hold(HERE, 0)) as held, socket.socket() as other:
        address = held.getsockname()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reusing)
        with pytest.raises(OSError, match="in use"):
            other.bind(address)
        with pytest.raises(OSError, match="in use"):
            ports.hold(HERE, address[1])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


def test_an_address_of_the_newer_kind_can_be_held():
    with closing(ports.hold("::1", 0)) as held:
        assert held.getsockname()[1] > 0
