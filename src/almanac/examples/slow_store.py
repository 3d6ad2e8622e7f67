"""A file store that gives so many bytes a second to all readers together, as a busy shared file system does.

It speaks as much of WebHDFS as Spark needs to list and read files, so what is slow is a real store behind a real network
connection, on any machine and without rights to slow a disk down.
https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

PREFIX = "/webhdfs/v1"
PIECE = 1 << 16
"""Bytes sent at once: small, so that readers share evenly and little is on its way to one that has gone."""
SAVED_S = 4.0
"""Threads that wake late on a busy machine make up for it."""


class SlowStore:
    """Serves a directory, read-only, from ``start`` to ``stop``, or while a ``with`` block lasts.

    Args:
        directory: what is served.
        bytes_per_second: to all readers together.
        address: on which it listens; workers must reach it.
    """

    def __init__(self, directory: Path, bytes_per_second: float, address: str = "127.0.0.1") -> None:
        self._directory = directory.resolve()
        self._bucket = _Bucket(bytes_per_second)
        self._server = ThreadingHTTPServer((address, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def url(self, name: str = "") -> str:
        """What Spark reads."""
        host, port = self._server.server_address[:2]
        return f"webhdfs://{host!s}:{port}/{name}"

    def start(self) -> None:
        """Serve, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        directory, bucket = self._directory, self._bucket

        class Handler(_Handler):
            served, limit = directory, bucket

        return Handler


class _Bucket:
    """Lets bytes through at a rate; what nobody took for a while (``SAVED_S``), it lets through at once."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate, self._lock, self._free_at = bytes_per_second, threading.Lock(), 0.0

    def wait(self, size: int) -> None:
        """Until so many bytes may go."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now - SAVED_S, self._free_at) + size / self._rate
            pause = self._free_at - now
        time.sleep(max(0.0, pause))


class _Handler(BaseHTTPRequestHandler):
    """One request of Hadoop's client."""

    served: Path
    limit: _Bucket

    def do_GET(self) -> None:
        """Answer an operation; what isn't in the directory isn't there."""
        asked = urlsplit(self.path)
        query = {key.lower(): values[0] for key, values in parse_qs(asked.query).items()}
        path = (self.served / unquote(asked.path).removeprefix(PREFIX).lstrip("/")).resolve()
        if not path.is_relative_to(self.served) or not path.exists():
            self._tell(_trouble("java.io.FileNotFoundException", asked.path), HTTPStatus.NOT_FOUND)
            return
        operation = query.get("op", "").upper()
        if operation == "OPEN":
            self._send(path, int(query.get("offset", 0)), int(query.get("length", path.stat().st_size)))
        elif operation == "LISTSTATUS":
            there = [_status(one, one.name) for one in sorted(path.iterdir())] if path.is_dir() else [_status(path, "")]
            self._tell({"FileStatuses": {"FileStatus": there}})
        elif operation == "GETFILESTATUS":
            self._tell({"FileStatus": _status(path, "")})
        elif operation == "GETFILEBLOCKLOCATIONS":
            self._tell({"BlockLocations": {"BlockLocation": []}})
        else:
            self._tell(_trouble("java.lang.UnsupportedOperationException", operation), HTTPStatus.BAD_REQUEST)

    def _tell(self, answer: dict[str, Any], status: int = HTTPStatus.OK) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, path: Path, offset: int, length: int) -> None:
        left = max(0, min(length, path.stat().st_size - offset))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(left))
        self.end_headers()
        with path.open("rb") as file:
            file.seek(offset)
            while left and (piece := file.read(min(PIECE, left))):
                self.limit.wait(len(piece))
                try:
                    self.wfile.write(piece)
                except ConnectionError:  # a reader has had what it wanted
                    return
                left -= len(piece)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def _trouble(name: str, words: str) -> dict[str, Any]:
    """An exception as Hadoop's client throws it again."""
    return {"RemoteException": {"javaClassName": name, "exception": name.rpartition(".")[2], "message": words}}


def _status(path: Path, suffix: str) -> dict[str, Any]:
    found = path.stat()
    return {
        "pathSuffix": suffix,
        "type": "DIRECTORY" if path.is_dir() else "FILE",
        "length": 0 if path.is_dir() else found.st_size,
        "modificationTime": int(found.st_mtime * 1000),
        "accessTime": int(found.st_atime * 1000),
        "blockSize": 1 << 27,
        "replication": 1,
        "permission": "755",
        "owner": "almanac",
        "group": "almanac",
    }
