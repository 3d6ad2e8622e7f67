"""What a file is called that is kept beside another one, because both changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath


def beside(path: PurePosixPath, source: str) -> Iterator[PurePosixPath]:
    """Names that say where a file comes from: beside it, else (something is in the way) at ever higher levels."""
    for level in range(len(path.parts) - 1, -1, -1):
        parts = list(path.parts)
        parts[level] = _renamed(parts[level], source, is_file=level == len(parts) - 1)
        yield PurePosixPath(*parts)


def _renamed(name: str, source: str, is_file: bool) -> str:
    """``sky.ipynb`` becomes ``sky (from c-1).ipynb``, shortened where a file name's 255 bytes would not do."""
    suffix = PurePosixPath(name).suffix if is_file else ""
    ending = f" (from {source}){suffix}"
    room = 255 - len(os.fsencode(ending))
    if room < 1:
        return f"{name[:40]} (from {source})"
    return os.fsdecode(os.fsencode(name.removesuffix(suffix))[:room]) + ending
