"""What goes wrong with the cloud, in words for whoever started it."""

from __future__ import annotations


class CloudError(Exception):
    """The cloud can't be started, found or ended; the message says why and what to do."""
