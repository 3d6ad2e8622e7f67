"""Files on their way: what is written is read, and nothing else gets through."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.node.parcel import END, LONGEST_LINE, BadParcel, Entry, Reader, Stamp

SKY = Entry("file", "a/sky.ipynb", Stamp(123_456_789_012_345_678, 5), True, Stamp(1, 2))


def read(data: bytes, most: int = 1000, entries: int = 100) -> list[tuple[Entry, bytes]]:
    reader = Reader(BytesIO(data), most, entries)
    return [(entry, b"".join(reader.content())) for entry in reader.entries()]


def test_what_is_written_is_read() -> None:
    gone = Entry("removed", "b", base=Stamp(3, 4))
    assert read(SKY.line() + b"stars" + gone.line() + END) == [(SKY, b"stars"), (gone, b"")]


def test_content_that_nobody_reads_is_skipped() -> None:
    reader = Reader(BytesIO(SKY.line() + b"stars" + Entry("void", "a/sky.ipynb").line() + END), 1000)
    assert [entry.kind for entry in reader.entries()] == ["file", "void"]


names = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=40).filter(
    lambda name: name not in {".", ".."}
)


@given(st.lists(st.tuples(st.lists(names, min_size=1, max_size=4), st.binary(max_size=200)), max_size=5))
def test_any_files_come_through(files: list[tuple[list[str], bytes]]) -> None:
    entries = [(Entry("file", "/".join(parts), Stamp(-5, len(data))), data) for parts, data in files]
    assert read(b"".join(entry.line() + data for entry, data in entries) + END, 10_000) == entries


@pytest.mark.parametrize("length", range(len(SKY.line() + b"stars" + END)))
def test_wherever_it_is_broken_off_it_is_known(length: int) -> None:
    with pytest.raises(BadParcel):
        read((SKY.line() + b"stars" + END)[:length])


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    if noise.startswith(END):
        return
    with pytest.raises(BadParcel):
        read(noise)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/", "./a", "a/./b", "nul\0", "x" * 256, "x/" * 2000, "\ud800", 5,
     None, ["a"]],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(path: object) -> None:
    line = json.dumps(["file", path, [0, 0], False, None]).encode() + b"\n"
    with pytest.raises(BadParcel):
        read(line + END)


@pytest.mark.parametrize(
    "line",
    [
        ["link", "a", [0, 0], False, None],
        ["file", "a", [0, -1], False, None],
        ["file", "a", [0, 1 << 70], False, None],
        ["file", "a", [1 << 70, 0], False, None],
        ["file", "a", [0.5, 0], False, None],
        ["file", "a", [True, 0], False, None],
        ["file", "a", [0], False, None],
        ["file", "a", "ab", False, None],
        ["file", "a", [0, 0], False, [1]],
        ["file", "a", [0, 0], False],
        ["end", 1],
        {"kind": "file"},
        None,
    ],
)
def test_a_line_that_says_what_cant_be_is_refused(line: object) -> None:
    with pytest.raises(BadParcel):
        read(json.dumps(line).encode() + b"\n" + END)


def test_more_than_was_agreed_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadParcel, match="more than it may"):
        read(SKY.line() + b"stars" + END, most=4)
    with pytest.raises(BadParcel, match="more than it may"):
        read(Entry("removed", "a").line() * 3 + END, entries=2)
    with pytest.raises(BadParcel, match="too long"):
        read(b"[" * (2 * LONGEST_LINE))
    with pytest.raises(BadParcel, match="none of a parcel's"):
        read(b"[" * (LONGEST_LINE - 1) + b"\n")
