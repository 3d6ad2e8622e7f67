"""Paths under which what a cluster runs is shown.

They name the cluster, not the booking: JupyterLab is told its path when it starts, and a warm cluster starts before anybody
has booked it. (Spark's pages break under paths with the words ``proxy`` or ``history``.)
"""

from __future__ import annotations

NOTEBOOKS = "/n"
SPARK_UIS = "/s"


def notebook_path(cluster: str, seat: str) -> str:
    """The path of a seat's notebook, such as ``/n/c-7k3m9q2x/seat-1/``; JupyterLab itself serves it there."""
    return f"{NOTEBOOKS}/{cluster}/{seat}/"


def spark_ui_path(cluster: str, service: str) -> str:
    """The path of a Spark service's pages (``connect``, ``master``, ``worker-1``), such as ``/s/c-7k3m9q2x/connect/``."""
    return f"{SPARK_UIS}/{cluster}/{service}/"
