"""What can go wrong here, in words for a person."""

from __future__ import annotations


class GaiaError(Exception):
    """Bad input: the message says what would work instead."""


class WrongAnswerError(Exception):
    """A science case's answer differs from its reference."""
