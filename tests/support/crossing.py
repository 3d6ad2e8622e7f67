"""A bad road to a real cloud: what passes through is refused, put off or lost on the way back, now and then."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

_PATIENCE_S = 90.0
_KEPT_BACK = {"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"}
LOST = "lost"
"""The request arrives, and its answer doesn't."""
BROKEN = "broken"
"""The request is carried out, and answered with 500."""


class Crossing:
    """Passes requests on to one service, except some.

    Args:
        target: the service's address.
        every: of so many requests one meets with trouble.
        troubles: in this order, each once; then all is well. A status with its ``Retry-After``, LOST or BROKEN.
        method: only requests of this HTTP method count; empty: all do.
    """

    def __init__(self, target: str, every: int, troubles: list[object], method: str = "") -> None:
        self._target = target.rstrip("/")
        self._every = every
        self._troubles = troubles
        self._method = method
        self._asked = 0
        self._lock = threading.Lock()
        self.met: Counter[object] = Counter()

    def pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> requests.Response | None:
        """The answer to a request; None when it is lost."""
        trouble = self._trouble() if self._method in {"", method} else None
        if isinstance(trouble, int):
            return _refused(trouble)
        kept = {name: value for name, value in headers.items() if name.lower() not in {"host", "connection"}}
        answer = requests.request(method, self._target + path, headers=kept, data=body, timeout=_PATIENCE_S)
        if trouble == BROKEN:
            return _refused(500)
        return None if trouble == LOST else answer

    def _trouble(self) -> object:
        with self._lock:
            self._asked += 1
            if self._asked % self._every or not self._troubles:
                return None
            met = self._troubles.pop(0)
            self.met[met] += 1
            return met


def _refused(status: int) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.headers["Retry-After"] = "1"
    return answer


@contextmanager
def crossing(target: str, every: int, *troubles: object, method: str = "") -> Iterator[tuple[str, Crossing]]:
    """A crossing to a service while it is open; its address on loopback, and it."""
    road = Crossing(target, every, list(troubles), method)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = road.pass_on(self.command, self.path, dict(self.headers), body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _KEPT_BACK:
                    self.send_header(name, value)
            content = answer.content or b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _pass  # noqa: N815 (http.server's names)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="crossing")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", road
        finally:
            server.shutdown()
            thread.join()
