"""A small HTTP server that answers as it is told, for what a real Almanac never says (or not when a test wants it)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def booking_json(**more: object) -> dict[str, object]:
    """A booking as the API tells it."""
    told = {
        "id": "b-7k3m9q2x", "project": "gaia", "owner": "ada", "profile": "spark-small", "site": "local", "seats": 1,
        "workers": 2, "title": "", "start": "2026-12-01T09:00:00Z", "end": "2026-12-01T11:00:00Z", "status": "ready",
        "created_at": "2026-12-01T08:00:00Z", "expires_at": None, "ended_at": None, "reserved": True, "node_hours": 6.0,
        "progress": None, "ready_at": None, "eta": None, "reason": None, "warning": None,
    }  # fmt: skip
    return {**told, **more}


@dataclass
class Request:
    """What somebody asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class StandIn:
    """Answers in the order in which they were given, the last again and again; keeps what it was asked."""

    url: str = ""
    asked: list[Request] = field(default_factory=list)
    answers: list[tuple[int, bytes, str]] = field(default_factory=list)

    def says(self, body: object, status: int = 200) -> None:
        """Answer JSON next."""
        self.answers.append((status, json.dumps(body).encode(), "application/json"))

    def says_text(self, text: str, status: int = 200, kind: str = "text/html") -> None:
        """Answer something else next."""
        self.answers.append((status, text.encode(), kind))

    def streams(self, *events: object) -> None:
        """Answer with server-sent events next, after a heartbeat."""
        lines = [": heartbeat\n\n", *(f"data: {json.dumps(event)}\n\n" for event in events)]
        self.says_text("".join(lines), kind="text/event-stream; charset=utf-8")

    def refuses(self, code: str, status: int, **more: object) -> None:
        """Answer with an error of Almanac's shape next."""
        self.says({"error": {"code": code, "message": f"It is {code}.", "hint": "Try it so.", **more}}, status)


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """A stand-in on a loopback port of its own."""
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            stand_in.asked.append(Request(self.command, self.path, dict(self.headers), body))
            status, content, kind = stand_in.answers.pop(0) if len(stand_in.answers) > 1 else stand_in.answers[0]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
