"""What a machine needs of Almanac itself: the part that notebooks and clusters import, and what to install beside it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from importlib.resources import files
from importlib.resources.abc import Traversable

_PARTS = ("core", "data", "examples", "gaia", "spark")
_FILES = ("__init__.py", "version.py")
_NEEDED = ("healpix", "jupyterlab", "matplotlib", "numpy", "pandas", "pyarrow", "pyspark[connect]")
_LONG_AGO = (2020, 1, 1, 0, 0, 0)


@cache
def requirements() -> str:
    """What pip installs on a machine, in the very versions that this Almanac runs with."""
    versions = _versions()
    return "".join(f"{name}=={versions[name.partition('[')[0]]}\n" for name in _NEEDED)


@cache
def constraints() -> str:
    """The versions of everything that those may bring along."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(_versions().items()) if name != "almanac")


@cache
def package() -> bytes:
    """A zip file: ``almanac/...``, ``requirements.txt`` and ``constraints.txt``; the same bytes for the same Almanac."""
    root = files("almanac")
    content = {f"almanac/{name}": root.joinpath(name).read_bytes() for name in _FILES}
    for part in _PARTS:
        content |= {f"almanac/{part}/{path}": data for path, data in _below(root.joinpath(part), "")}
    content |= {"requirements.txt": requirements().encode(), "constraints.txt": constraints().encode()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(content.items()):
            archive.writestr(zipfile.ZipInfo(path, _LONG_AGO), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


@cache
def digest() -> str:
    """Names the package, so that a machine that has it needn't fetch it."""
    return hashlib.sha256(package()).hexdigest()[:16]


def _versions() -> dict[str, str]:
    return {found.name.lower().replace("_", "-"): found.version for found in distributions()}


def _below(directory: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in directory.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _below(entry, f"{path}{entry.name}/")
        elif entry.is_file():
            yield f"{path}{entry.name}", entry.read_bytes()
