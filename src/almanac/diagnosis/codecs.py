"""Compressed event logs, told by their first bytes: Zstandard, gzip, and Spark's own framings of LZ4 and Snappy."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from almanac.diagnosis.trouble import BadEventLog

BUFFER = 1 << 20
LARGEST_BLOCK = 64 << 20
"""Bytes; a block that claims more is damage (Spark writes blocks of 32 KiB)."""
LZ4_HEADER = struct.Struct("<8sBiiI")  # magic, method, bytes compressed, bytes plain, checksum
RAW, COMPRESSED = 0x10, 0x20


class Damaged(Exception):
    """The stream stops making sense here; what came before is good."""


class Blocks(io.RawIOBase):
    """Blocks of bytes as one stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # typeshed's Buffer has no len
        """Fill a buffer with what is left of a block; 0 at the end."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def opened(raw: io.BufferedReader) -> BinaryIO:
    """The plain bytes of a log.

    Raises:
        BadEventLog: its compression is unknown here.
    """
    start = raw.peek(8)[:8]
    for magic, codec in CODECS.items():
        if start.startswith(magic):
            return codec(raw)
    return io.BufferedReader(cast("io.RawIOBase", raw), BUFFER)


def _zstd(raw: io.BufferedReader) -> BinaryIO:
    import zstandard

    stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return io.BufferedReader(cast("io.RawIOBase", stream), BUFFER)


def _gzip(raw: io.BufferedReader) -> BinaryIO:
    return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw)), BUFFER)


def _lz4_frame(raw: io.BufferedReader) -> BinaryIO:
    import pyarrow as pa

    stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "lz4")
    return io.BufferedReader(Blocks(iter(lambda: cast("bytes", stream.read(BUFFER)) or None, None)), BUFFER)


def _lz4_blocks(raw: io.BufferedReader) -> BinaryIO:
    return io.BufferedReader(Blocks(_lz4_plain(raw)), BUFFER)


def _lz4_plain(raw: BinaryIO) -> Iterator[bytes]:
    """The blocks of ``LZ4BlockOutputStream`` (lz4-java). An empty block ends a stream; another may follow."""
    import pyarrow as pa

    codec = pa.Codec("lz4_raw")
    while len(header := raw.read(LZ4_HEADER.size)) == LZ4_HEADER.size:
        magic, token, size, plain, _ = LZ4_HEADER.unpack(header)
        if magic != b"LZ4Block" or not (0 <= size <= LARGEST_BLOCK and 0 <= plain <= LARGEST_BLOCK):
            raise Damaged("an LZ4 block doesn't begin as one")
        body = raw.read(size)
        if len(body) < size:
            return
        method = token & 0xF0
        if method not in (RAW, COMPRESSED):
            raise Damaged("an LZ4 block of an unknown method")
        if plain:
            yield body if method == RAW else codec.decompress(body, plain, asbytes=True)


def _snappy(raw: io.BufferedReader) -> BinaryIO:
    return io.BufferedReader(Blocks(_snappy_plain(raw)), BUFFER)


def _snappy_plain(raw: BinaryIO) -> Iterator[bytes]:
    """The blocks of ``SnappyOutputStream`` (snappy-java): 16 bytes of header, then length and block in turn."""
    import pyarrow as pa

    codec = pa.Codec("snappy")
    raw.read(16)
    while len(length := raw.read(4)) == 4:
        size = int.from_bytes(length, "big")
        if size > LARGEST_BLOCK:
            raise Damaged("a Snappy block is larger than any")
        body = raw.read(size)
        if len(body) < size:
            return
        yield codec.decompress(body, _varint(body), asbytes=True)


def _varint(block: bytes) -> int:
    """The plain length that a Snappy block begins with, little end first in groups of seven bits."""
    value = 0
    for place, byte in enumerate(block[:5]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    if value > LARGEST_BLOCK:
        raise Damaged("a Snappy block is larger than any")
    return value


def _lzf(_raw: io.BufferedReader) -> BinaryIO:
    raise BadEventLog(
        "The event log is compressed with LZF, which can't be read here.",
        hint="Set spark.eventLog.compression.codec to zstd and run the job again.",
    )


CODECS: dict[bytes, Callable[[io.BufferedReader], BinaryIO]] = {
    b"\x28\xb5\x2f\xfd": _zstd,
    b"\x1f\x8b": _gzip,
    b"LZ4Block": _lz4_blocks,
    b"\x04\x22\x4d\x18": _lz4_frame,
    b"\x82SNAPPY\x00": _snappy,
    b"ZV": _lzf,
}
"""How a file begins, and who reads it on."""
