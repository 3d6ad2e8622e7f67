"""Keeps the front door: its proxy runs, and nobody stays inside who would not be let in any more."""

from __future__ import annotations

import logging
import threading

from almanac.factory import Almanac
from almanac.frontdoor import connections
from almanac.frontdoor.process import Proxy
from almanac.services.door import Door

log = logging.getLogger(__name__)


class Doorkeeper:
    """A thread beside the loop; every process of Almanac's has its own door.

    Args:
        app: the composed application.
        door: its door.
        proxy: what people's connections go through.
        look_s: seconds between two looks.
    """

    def __init__(self, app: Almanac, door: Door, proxy: Proxy, look_s: float = 1.0) -> None:
        self._app = app
        self._door = door
        self._proxy = proxy
        self._look_s = look_s
        self._stop = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="almanac-door", daemon=True)

    def start(self) -> None:
        """Start the thread, and wait until the door is open, or has said why it isn't."""
        self._thread.start()
        self._looked.wait()

    def stop(self) -> None:
        """End the proxy and the thread, and let go of the ports."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._turn()
            self._looked.set()
            self._stop.wait(self._look_s)
        self._proxy.close()

    def _turn(self) -> None:
        try:
            self._door.trouble = self._proxy.keep()
            if self._proxy.pid is not None:
                self._show_out(self._proxy.pid)
        except Exception as error:  # the next look is another chance
            self._door.trouble = f"The front door can't be kept: {error}"
            log.exception("keeping the front door failed")

    def _show_out(self, proxy: int) -> None:
        visits, now = self._door.visits, self._app.clock()
        unwelcome = visits.unwelcome(self._app.routes, lambda: connections.peers(proxy), now)
        if unwelcome:
            log.info("%d connections through the front door ended", connections.end(proxy, unwelcome))
