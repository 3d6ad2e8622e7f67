"""A simulated Almanac with two projects, over real HTTP, and a real Prometheus that collects from it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient
from tests.integration.api.world import SITE, World, grow, plant

from almanac.api.app import create_app
from almanac.monitoring.configuration import Collection
from almanac.monitoring.prometheus import Prometheus

FORGED = """\
node_load1{booking="%(foreign)s",project="forged",job="forged"} 7
node_memory_MemTotal_bytes{device="a \\"quoted\\" one"} 100
node_memory_MemAvailable_bytes 25
up{booking="%(foreign)s"} 1
almanac_loop_alive 0
"""


@dataclass
class Watched:
    """Two bookings that run, and what collects of them.

    Attributes:
        ours: the owner's booking, ``theirs`` another project's.
    """

    world: World
    prometheus: Prometheus
    ours: str
    theirs: str

    def ask(self, role: str, path: str, **parameters: str):
        """A question about our booking's metrics."""
        return self.world.call(role, "GET", f"/bookings/{self.ours}/metrics{path}", params=parameters)


@contextmanager
def served(text: str) -> Iterator[str]:
    """A web server that answers with one text; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def listening(app) -> Iterator[str]:
    """The application over HTTP; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def until(found, seconds: float = 60):
    """Wait for something true."""
    end = time.monotonic() + seconds
    while not (seen := found()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return seen


@pytest.fixture(scope="module")
def watched(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Both bookings' numbers are in Prometheus; the machine that both run on forges what it can."""
    directory = tmp_path_factory.mktemp("watched")
    seed = plant(Path(shutil.copy(sqlite_template, directory / "seed.db")))
    app = create_app(None)
    (directory / "world").mkdir()
    with TestClient(app) as http, grow(seed, directory / "world", http) as world, listening(app) as url:
        ours, theirs = world.book("owner").id, world.book("outsider").id
        world.until_ready(ours)
        world.until_ready(theirs)
        collection = Collection(url, every=timedelta(seconds=1))
        prometheus = Prometheus(
            directory / "prometheus", collection, directory / "prometheus.log", world.app.monitoring.token
        )
        with served(FORGED % {"foreign": theirs}) as machine:
            world.app.monitoring.use(prometheus, {SITE: lambda: machine})
            prometheus.start()
            try:
                assert prometheus.until_ready(60), prometheus.trouble
                both = "count(node_load1)"
                until(
                    lambda: (
                        (prometheus.ask("query", {"query": both})["result"] or [{"value": [0, "0"]}])[0]["value"][1]
                        == "2"
                    )
                )
                yield Watched(world, prometheus, ours, theirs)
            finally:
                prometheus.stop()
