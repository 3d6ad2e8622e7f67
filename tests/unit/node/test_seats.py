"""People's files between a machine and the storage: what changes on either side, and what goes wrong in between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from almanac.node.desk import Later
from almanac.node.errands import ChoreFailed, Helper
from almanac.node.orders import Seat
from almanac.node.seats import AnothersFiles, Seats
from almanac.sites.openstack.user_data import agent
from almanac.storage.kept_files import KeptFiles

MOST = 1 << 20


class Counter:
    """Almanac's side: real storage, without HTTP."""

    def __init__(self, root: Path) -> None:
        self.kept = KeptFiles(root)
        self.place = root / "ada"
        self.place.mkdir(parents=True)
        self.uploads = 0
        self.broken_after: int | None = None
        self.away = False

    def files(self, seat: str) -> BinaryIO:
        return BytesIO(b"".join(self.kept.send("ada"))[: self.broken_after])

    def save_files(self, seat: str, parcel: BinaryIO, size: int) -> frozenset[str]:
        if self.away:
            raise Later("Almanac can't be reached")
        self.uploads += 1
        data = parcel.read()
        assert len(data) == size
        return frozenset(self.kept.take("ada", BytesIO(data), "c-1", MOST))


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Helper:
    program = tmp_path_factory.mktemp("opt") / "node.pyz"
    program.write_bytes(agent())
    return Helper("", str(program))


@pytest.fixture
def desk(tmp_path: Path) -> Counter:
    return Counter(tmp_path / "storage")


@pytest.fixture
def seats(desk: Counter, helper: Helper, tmp_path: Path) -> Iterator[Seats]:
    (tmp_path / "records").mkdir()
    made = Seats(desk, helper, tmp_path / "records")  # type: ignore[arg-type]
    made.furnish({"seat-1": ADA(tmp_path)})
    return made


def ADA(tmp_path: Path) -> Seat:  # noqa: N802 - the one person of these tests
    return Seat(str(tmp_path / "home"), "ada")


def bring(seats: Seats, tmp_path: Path) -> None:
    seats.bring("seat-1", ADA(tmp_path))


def save(seats: Seats, tmp_path: Path, cap: int = MOST) -> bool:
    return seats.save("seat-1", ADA(tmp_path), cap)


def put(path: Path, text: str, at: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if at:
        os.utime(path, ns=(at, at))


def content(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_only_changes_travel(seats: Seats, desk: Counter, tmp_path: Path) -> None:
    put(desk.place / "a/sky.ipynb", "stars")
    bring(seats, tmp_path)
    assert content(tmp_path / "home") == {"a/sky.ipynb": "stars"}
    assert save(seats, tmp_path)
    assert desk.uploads == 0
    put(tmp_path / "home/new.txt", "found")
    (tmp_path / "home/a/sky.ipynb").unlink()
    assert save(seats, tmp_path)
    assert content(desk.place) == {"new.txt": "found"}
    assert save(seats, tmp_path)
    assert desk.uploads == 1


def test_an_example_that_was_there_first_is_not_the_persons_until_they_change_it(
    seats: Seats, desk: Counter, tmp_path: Path
) -> None:
    put(tmp_path / "home/example.ipynb", "an example")
    put(tmp_path / "home/both.ipynb", "an example")
    put(desk.place / "both.ipynb", "ada's own")
    bring(seats, tmp_path)
    assert content(tmp_path / "home") == {"example.ipynb": "an example", "both.ipynb": "ada's own"}
    save(seats, tmp_path)
    assert content(desk.place) == {"both.ipynb": "ada's own"}
    put(tmp_path / "home/example.ipynb", "with notes")
    save(seats, tmp_path)
    assert content(desk.place)["example.ipynb"] == "with notes"


def test_what_changed_on_both_sides_is_kept_twice_and_sent_once(seats: Seats, desk: Counter, tmp_path: Path) -> None:
    put(desk.place / "sky.txt", "stars")
    bring(seats, tmp_path)
    put(desk.place / "sky.txt", "from another cluster")
    put(tmp_path / "home/sky.txt", "from this one")
    for _ in range(2):
        assert save(seats, tmp_path)
    assert content(desk.place) == {"sky.txt": "from another cluster", "sky (from c-1).txt": "from this one"}
    assert desk.uploads == 1
    (tmp_path / "home/sky.txt").unlink()
    save(seats, tmp_path)
    assert "sky.txt" in content(desk.place)


def test_a_bringing_that_broke_off_is_done_again_and_nothing_counts_as_removed(
    seats: Seats, desk: Counter, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        put(desk.place / name, name)
    desk.broken_after = 120
    with pytest.raises(ChoreFailed, match="broken off"):
        bring(seats, tmp_path)
    put(tmp_path / "home/new", "new")
    save(seats, tmp_path)
    assert content(desk.place) == {"a": "a", "b": "b", "c": "c", "new": "new"}
    desk.broken_after = None
    bring(seats, tmp_path)
    assert content(tmp_path / "home") == content(desk.place)


def test_while_almanac_is_away_nothing_is_forgotten(seats: Seats, desk: Counter, tmp_path: Path) -> None:
    bring(seats, tmp_path)
    put(tmp_path / "home/new", "new")
    desk.away = True
    with pytest.raises(Later):
        save(seats, tmp_path)
    desk.away = False
    save(seats, tmp_path)
    assert content(desk.place) == {"new": "new"}


def test_what_is_too_large_or_unreadable_is_told_once(seats: Seats, desk: Counter, tmp_path: Path) -> None:
    bring(seats, tmp_path)
    put(tmp_path / "home/huge", "x" * 100)
    put(tmp_path / "home/small", "x")
    for _ in range(2):
        assert save(seats, tmp_path, cap=10)
    assert desk.uploads == 1
    assert "huge" in content(desk.place)["NOT SAVED (from c-1).txt"]
    assert save(seats, tmp_path)
    assert sorted(content(desk.place)) == ["huge", "small"]


def test_only_plain_files_travel(seats: Seats, desk: Counter, tmp_path: Path) -> None:
    bring(seats, tmp_path)
    home = tmp_path / "home"
    put(tmp_path / "outside", "secret")
    (home / "link").symlink_to(tmp_path / "outside")
    (home / "loop").symlink_to(home)
    os.mkfifo(home / "pipe")
    put(home / "__pycache__/x.pyc", "made again")
    put(home / ".almanac-aside-0", "left by a crash")
    put(home / "näme \n\udcff".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"), "odd")
    assert save(seats, tmp_path)
    assert list(content(desk.place).values()) == ["odd"]


def test_a_seat_is_not_given_to_somebody_else(seats: Seats, tmp_path: Path) -> None:
    bring(seats, tmp_path)
    other = Seat(str(tmp_path / "home"), "grace")
    with pytest.raises(AnothersFiles, match="another person's files"):
        seats.bring("seat-1", other)
    with pytest.raises(AnothersFiles):
        seats.save("seat-1", other, MOST)


def test_nobodys_seat_has_nothing_to_bring_or_save(seats: Seats, desk: Counter, tmp_path: Path) -> None:
    nobodys = Seat(str(tmp_path / "home"))
    seats.bring("seat-1", nobodys)
    put(tmp_path / "home/example", "an example")
    assert seats.save("seat-1", nobodys, MOST)
    assert save(seats, tmp_path)  # it got a person, who has never been here
    assert content(desk.place) == {}


def test_a_file_in_the_way_of_a_directory_is_left(seats: Seats, desk: Counter, tmp_path: Path) -> None:
    put(desk.place / "a/b", "below")
    put(desk.place / "c", "a file")
    put(tmp_path / "home/a", "in the way")
    put(tmp_path / "home/c/d", "in the way")
    bring(seats, tmp_path)
    assert content(tmp_path / "home") == {"a": "in the way", "c/d": "in the way"}
    save(seats, tmp_path)
    assert content(desk.place)["a/b"] == "below"
    assert content(desk.place)["c"] == "a file"


def test_a_chore_that_fails_says_why(helper: Helper, tmp_path: Path) -> None:
    put(tmp_path / "file", "")
    with pytest.raises(ChoreFailed, match=r"Not a directory|File exists"):
        helper.do("furnish", {"dirs": [str(tmp_path / "file/below")], "files": []})
