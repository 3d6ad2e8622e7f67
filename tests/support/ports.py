"""A free port."""

from __future__ import annotations

from almanac.spark.trial import free_ports


def free_port() -> int:
    """A port of loopback that nothing listens at just now, and no outgoing connection takes."""
    return free_ports(("it",))["it"]
