"""An image as an operator bakes one: Java and the virtual environment with Spark are there, so that a start installs nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.machines.image import Image

from almanac.spark.package import constraints, requirements
from almanac.spark.runtime import find_runtime

OPT = "/opt/almanac"
_PARTS_OF_A_VENV = ("bin", "etc", "include", "lib", "pyvenv.cfg", "share")


def baked(cache: Path) -> Image:
    """The image, with what this checkout runs on.

    Args:
        cache: Almanac's, where a Java from a wheel is made fit for Spark.
    """
    parts = {f"{OPT}/venv/{name}": Path(sys.prefix) / name for name in _PARTS_OF_A_VENV}
    binds = {path: source for path, source in parts.items() if source.exists()}
    binds[f"{OPT}/java"] = Path(find_runtime(cache).java_home)
    installed = requirements() + constraints()  # the agent's mark that nothing is to be installed
    return Image(binds, {f"{OPT}/venv/.almanac": installed})
