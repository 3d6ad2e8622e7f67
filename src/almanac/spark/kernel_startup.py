"""Runs at the start of every notebook kernel: ``spark`` is made when a cell first names it, and anew when it was lost.

Copied as it is into a seat's IPython profile, so it imports nothing of Almanac's.
"""

# ruff: noqa: ANN401  (IPython's and pyspark's objects; a kernel start must not import pyspark)

from __future__ import annotations

import os
import re
from typing import Any

_NAMED = re.compile(r"\bspark\b")
_LOST = ("INVALID_HANDLE.SESSION_", "NO_ACTIVE_SESSION")


class SparkOnDemand:
    """The name ``spark`` in a notebook. A person's own ``spark`` is left alone."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._made: Any = None

    def before_cell(self, info: Any) -> None:
        """Make the session if the cell names it."""
        names = self._shell.user_ns
        if _NAMED.search(info.raw_cell or "") and names.get("spark") is self._made:
            if self._made is None or self._made.is_stopped:
                self._made = _session()
            names["spark"] = self._made

    def after_cell(self, result: Any) -> None:
        """Say so when a cell failed because the server no longer knows the session; the next cell gets a new one."""
        error = str(result.error_in_exec or "")
        if self._made is None or not error:
            return
        if self._made.is_stopped or any(sign in error for sign in _LOST):
            _forget(self._made)
            print("This Spark session is gone, and what it held. Run the cells again from the first that names spark.")


def _session() -> Any:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    session.conf.set("spark.scheduler.pool", os.environ.get("ALMANAC_SEAT", "default"))
    return session


def _forget(session: Any) -> None:
    """Drop the client's side only: the server that knew the other side is gone."""
    session.release_session_on_close = False
    session.stop()


def start(shell: Any) -> None:
    """Hook into a running IPython shell."""
    spark = SparkOnDemand(shell)
    shell.user_ns.setdefault("spark", None)
    shell.events.register("pre_run_cell", spark.before_cell)
    shell.events.register("post_run_cell", spark.after_cell)


if os.environ.get("SPARK_REMOTE"):
    from IPython import get_ipython

    _shell = get_ipython()
    if _shell is not None:
        start(_shell)
