"""Prometheus and the node exporter beside the server: they start with it and end with it, and nothing waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from almanac.factory import Almanac
from almanac.monitoring.configuration import Collection
from almanac.monitoring.machine import node_exporter
from almanac.monitoring.prometheus import Prometheus
from almanac.server.files import StateFiles
from almanac.settings import Settings


@contextmanager
def collecting(app: Almanac, settings: Settings, url: str, files: StateFiles) -> Iterator[None]:
    """Collect metrics meanwhile, if that is enabled.

    Args:
        app: whose clusters.
        settings: how.
        url: where Prometheus reaches this server.
        files: where logs go.
    """
    wanted = settings.monitoring
    if not wanted.enabled:
        yield
        return
    logs = files.log.parent
    collection = Collection(url, wanted.every, wanted.keep, wanted.most_gib)
    directory = settings.state / "monitoring"
    prometheus = Prometheus(directory, collection, logs / "prometheus.log", app.monitoring.token)
    exporter = node_exporter(logs / "node-exporter.log")
    machines: dict[str, Callable[[], str]] = {}
    programs = [prometheus.daemon]
    if settings.local.enabled:
        machines[settings.local.name] = lambda: exporter.url
        programs.append(exporter)
    for program in programs:
        program.start()
    app.monitoring.use(prometheus, machines, programs)
    try:
        yield
    finally:
        prometheus.stop()
        if machines:
            exporter.stop()
        app.monitoring.close()
