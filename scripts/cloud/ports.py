"""Free ports on loopback."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

from scripts.cloud.errors import CloudError

NAMES = ("broker", "distribution", "epmd", "keystone", "placement", "glance", "nova", "neutron", "blazar")
"""Everything that listens. MariaDB doesn't: it has a Unix socket."""

_RANGE = range(12000, 32000)
"""Below the ports that Linux gives to outgoing connections, which come and go."""
_ATTEMPTS = 200


def choose() -> dict[str, int]:
    """A port for each name: neighbours, all free a moment ago.

    Raises:
        CloudError: no free neighbours were found.
    """
    for _ in range(_ATTEMPTS):
        first = random.choice(_RANGE[: -len(NAMES)])  # several clouds may be started at the same moment
        if all_free(range(first, first + len(NAMES))):
            return {name: first + offset for offset, name in enumerate(NAMES)}
    raise CloudError(f"No {len(NAMES)} free neighbouring ports between {_RANGE.start} and {_RANGE.stop} on 127.0.0.1.")


def all_free(ports: range) -> bool:
    """Whether nothing listens on any of them."""
    with ExitStack() as held:
        for port in ports:
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
