"""Who vouches for the servers that the client talks to."""

from __future__ import annotations

import ssl


def trusted() -> ssl.SSLContext:
    """TLS that trusts the system's authorities, or those that ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names.

    httpx2 reads these only where it may read the environment's proxies, too; an Almanac is reached without one.
    """
    return ssl.create_default_context()
