"""Made traces: a day's rhythm, random people, and a workshop every few days."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from almanac.core.demand import Sessions

MONDAY = datetime(2026, 5, 4, tzinfo=UTC)


def made(days: int, seed: int = 1, rate: float = 6.0, workshop: int = 20) -> Sessions:
    """Sessions of an hour; ``rate`` an hour on average, twice that at noon, none at midnight; a workshop every third day."""
    random = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    usual = rate * (1 - np.cos(2 * np.pi * hours / 24))
    arrival = np.repeat(hours * 3600, random.poisson(usual))
    arrival = arrival + random.integers(0, 3600, len(arrival))
    group = random.integers(10, 400, len(arrival))
    classes = [day * 86400 + 10 * 3600 + random.integers(0, 1200, workshop) for day in range(1, days, 3)]
    codes = [np.full(workshop, number) for number in range(len(classes))]
    arrival, group = np.concatenate((arrival, *classes)), np.concatenate((group, *codes))
    order = np.argsort(arrival, kind="stable")
    count = len(arrival)
    return Sessions(MONDAY, arrival[order], np.full(count, 3600), np.ones(count, np.int64), group[order])


def usual_week(demand: np.ndarray, first: int, levels: tuple[float, ...]) -> np.ndarray:
    """A forecaster for tests: the last week again, with the square root of it as its spread."""
    week = np.resize(demand[-168:], 168) if len(demand) else np.zeros(168)
    return np.stack([week + (level - 0.5) * 4 * np.sqrt(week) for level in levels], axis=1).clip(0)
