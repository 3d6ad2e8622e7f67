"""People's files as they come and go: nothing is lost, whatever arrives."""

from __future__ import annotations

import os
import threading
from io import BytesIO
from pathlib import Path

import pytest

from almanac.node.parcel import END, BadParcel, Entry, Reader, Stamp
from almanac.storage.kept_files import KeptFiles

MOST = 1 << 20
OLD, NEW = Stamp(1_000_000_001, 3), Stamp(2_000_000_002, 3)


@pytest.fixture
def kept(tmp_path: Path) -> KeptFiles:
    return KeptFiles(tmp_path / "storage")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "storage" / "gaia" / "ada"
    directory.mkdir(parents=True)
    return directory


def parcel(*entries: Entry | tuple[Entry, bytes], end: bytes = END) -> BytesIO:
    parts = [one.line() if isinstance(one, Entry) else one[0].line() + one[1] for one in entries]
    return BytesIO(b"".join(parts) + end)


def file(path: str, data: bytes = b"new", stamp: Stamp = NEW, base: Stamp | None = None) -> tuple[Entry, bytes]:
    return Entry("file", path, stamp, base=base), data


def put(place: Path, path: str, data: bytes = b"old", stamp: Stamp = OLD) -> None:
    (place / path).parent.mkdir(parents=True, exist_ok=True)
    (place / path).write_bytes(data)
    os.utime(place / path, ns=(stamp.mtime_ns, stamp.mtime_ns))


def content(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


def take(kept: KeptFiles, stream: BytesIO) -> list[str]:
    return kept.take("gaia/ada", stream, "c-1", MOST)


def test_what_was_saved_is_sent(kept: KeptFiles, place: Path) -> None:
    script = Entry("file", "run.sh", Stamp(7, 2), executable=True)
    assert take(kept, parcel(file("a/b/sky.ipynb"), (script, b"#!"))) == []
    assert (place / "a/b/sky.ipynb").stat().st_mtime_ns == NEW.mtime_ns
    assert (place / "a/b/sky.ipynb").stat().st_mode & 0o777 == 0o600
    assert (place / "run.sh").stat().st_mode & 0o777 == 0o700
    reader = Reader(BytesIO(b"".join(kept.send("gaia/ada"))), MOST)
    sent = [(entry, b"".join(reader.content())) for entry in reader.entries()]
    assert sent == [file("a/b/sky.ipynb"), (script, b"#!")]


def test_what_programs_make_again_and_what_is_no_file_stays(kept: KeptFiles, place: Path, tmp_path: Path) -> None:
    put(place, "__pycache__/x.pyc")
    (tmp_path / "secret").write_text("secret")
    (place / "link").symlink_to(tmp_path / "secret")
    (place / "away").symlink_to(tmp_path)
    os.mkfifo(place / "pipe")
    assert b"".join(kept.send("gaia/ada")) == END
    assert b"".join(kept.send("nobody")) == END


def test_a_known_file_is_replaced_and_a_file_that_changed_here_is_kept_beside(kept: KeptFiles, place: Path) -> None:
    put(place, "known")
    put(place, "changed.txt")
    put(place, "met")
    elsewhere = take(
        kept, parcel(file("known", base=OLD), file("changed.txt", base=Stamp(5, 5)), file("met"), file("fresh"))
    )
    assert elsewhere == ["changed.txt", "met"]
    assert content(place) == {
        "known": "new",
        "changed.txt": "old",
        "changed (from c-1).txt": "new",
        "met": "old",
        "met (from c-1)": "new",
        "fresh": "new",
    }


def test_the_same_file_again_is_no_news(kept: KeptFiles, place: Path) -> None:
    take(kept, parcel(file("a")))
    assert take(kept, parcel(file("a"))) == []
    assert content(place) == {"a": "new"}


def test_a_directory_or_a_file_in_the_way(kept: KeptFiles, place: Path) -> None:
    put(place, "was-file")
    put(place, "was-directory/x")
    assert take(kept, parcel(file("was-file/x.txt"), file("was-directory"))) == ["was-file/x.txt", "was-directory"]
    assert content(place) == {
        "was-file": "old",
        "was-directory/x": "old",
        "was-file (from c-1)/x.txt": "new",
        "was-directory (from c-1)": "new",
    }


def test_what_is_gone_at_the_sender_is_removed_unless_it_changed_here(kept: KeptFiles, place: Path) -> None:
    put(place, "gone")
    put(place, "changed")
    put(place, "unknown")
    gone = [Entry("removed", "gone", base=OLD), Entry("removed", "changed", base=NEW), Entry("removed", "unknown")]
    take(kept, parcel(*gone, Entry("removed", "never", base=OLD)))
    assert content(place) == {"changed": "old", "unknown": "old"}


def test_a_broken_parcel_changes_nothing(kept: KeptFiles, place: Path) -> None:
    put(place, "kept")
    for stream in (
        parcel(file("kept", base=OLD), Entry("removed", "kept", base=OLD), end=b""),
        parcel(file("kept", base=OLD), (Entry("file", "cut", Stamp(1, 9)), b"short"), end=b""),
        parcel(file("kept", base=OLD), file("../../escaped")),
    ):
        with pytest.raises(BadParcel):
            take(kept, stream)
    with pytest.raises(BadParcel):
        kept.take("gaia/ada", parcel(file("kept", base=OLD)), "c-1", 2)
    assert content(place.parents[1]) == {"gaia/ada/kept": "old"}


def test_a_file_that_changed_while_it_was_read_waits_for_the_next_time(kept: KeptFiles, place: Path) -> None:
    take(kept, parcel(file("a"), Entry("void", "a"), file("b")))
    assert content(place) == {"b": "new"}


def test_what_was_left_out_is_written_down_until_it_is_saved(kept: KeptFiles, place: Path) -> None:
    take(kept, parcel(Entry("left", "huge.bin")))
    assert content(place) == {"NOT SAVED (from c-1).txt": "Not saved, because it is too much for one seat:\nhuge.bin"}
    take(kept, parcel())
    assert content(place) == {}


def test_clusters_that_end_together_lose_nothing(kept: KeptFiles, place: Path) -> None:
    def save(number: int) -> None:
        kept.take("gaia/ada", parcel(file("shared", f"{number:03}".encode(), Stamp(number, 3))), f"c-{number}", MOST)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(content(place).values()) == [f"{number:03}" for number in range(8)]


def test_what_a_killed_almanac_left_aside_goes_after_a_day(kept: KeptFiles, place: Path) -> None:
    root = place.parents[1]
    for name, age_s in (("old", 2 * 86400), ("young", 60)):
        left = root / f".almanac-aside-{name}"
        left.mkdir()
        (left / "0").write_text("half")
        when = left.stat().st_mtime - age_s
        os.utime(left, (when, when))
    (root / ".almanac-aside-up.upload").write_text("half")
    os.utime(root / ".almanac-aside-up.upload", (0, 0))
    take(kept, parcel())
    assert [path.name for path in root.glob(".almanac-*")] == [".almanac-aside-young"]
