"""Property tests have no deadline: machines are shared, and nothing here asserts a time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("almanac", deadline=None)
settings.load_profile("almanac")
