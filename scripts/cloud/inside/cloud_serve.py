"""``cloud_serve.py MODULE:NAME PORT THREADS PREFIX``: one OpenStack API in one process, its requests in ``$ACCESS``.

The modules read ``sys.argv`` when they are imported, so it is emptied first.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path

import cloud_logins
import waitress


def logged(application, output):
    """The application, writing a line for each request: when, how long, status, method, address."""

    def wrapped(environ, start_response):
        began, status = time.time(), ["-"]

        def remember(line, headers, error=None):
            status[0] = line[:3]
            return start_response(line, headers, error)

        try:
            return application(environ, remember)
        finally:
            where = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
            asked = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
            took = (time.time() - began) * 1e3
            output.write(f"{began:.3f} {took:7.1f} ms {status[0]} {environ['REQUEST_METHOD']} {where}{asked}\n")

    return wrapped


def main() -> None:
    """Import, then serve for ever."""
    target, port, threads, prefix = sys.argv[1:5]
    cloud_logins.remember()
    module, _, name = target.partition(":")
    sys.argv = [f"{module.partition('.')[0]}-wsgi"]
    application = getattr(importlib.import_module(module), name)
    with Path(os.environ["ACCESS"]).open("a", buffering=1) as output:
        waitress.serve(
            logged(application, output),
            host="127.0.0.1",
            port=int(port),
            threads=int(threads),
            url_prefix=prefix,
            channel_timeout=300,
            connection_limit=500,
            clear_untrusted_proxy_headers=False,
        )


if __name__ == "__main__":
    main()
