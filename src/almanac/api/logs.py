"""Logging of the HTTP server, without query strings: they may carry what only their owner should read."""

from __future__ import annotations

import copy
import logging
from typing import Any

from uvicorn.config import LOGGING_CONFIG


class WithoutQuery(logging.Filter):
    """Cuts the query string out of uvicorn's access records: ``(client, method, path?query, version, status)``."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; always keep it."""
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, path, version, status = record.args
            record.args = (client, method, str(path).partition("?")[0], version, status)
        return True


def log_config() -> dict[str, Any]:
    """For ``uvicorn.Config(log_config=...)``: uvicorn's own, with ``WithoutQuery`` on the access log."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {"without_query": {"()": WithoutQuery}}
    config["handlers"]["access"]["filters"] = ["without_query"]
    return config
