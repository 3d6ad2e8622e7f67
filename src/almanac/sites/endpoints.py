"""What of a cluster is shown outside, and at which address."""

from __future__ import annotations

from collections.abc import Iterable

from almanac.spark.service import Service


def doors(services: Iterable[Service]) -> dict[str, int]:
    """Endpoint -> port of what is shown outside: ``connect``, ``notebook:<seat>`` and ``ui:<service>``."""
    shown = {}
    for service in services:
        for name, port in service.ports.items():
            if name == "ui":
                shown[f"ui:{service.name}"] = port
            elif name == "notebook":
                shown[f"notebook:{service.name.removeprefix('notebook-')}"] = port
            elif name == service.name == "connect":
                shown["connect"] = port
    return shown


def address(endpoint: str, port: int) -> str:
    """An endpoint's address: ``host:port`` for Spark Connect, a URL for what a browser shows."""
    return f"127.0.0.1:{port}" if endpoint == "connect" else f"http://127.0.0.1:{port}"
