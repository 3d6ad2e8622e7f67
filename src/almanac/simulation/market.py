"""What every policy is charged alike: start-up times, minimum leases, lead times, caps, faults."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from almanac.core.errors import BadRequest
from almanac.sites.simulated.clusters import MEASURED_STARTS, measured_start

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400

UNLIMITED = 1_000_000
"""Slots; more than any trace asks for."""


@dataclass(frozen=True, slots=True)
class Market:
    """The terms of the simulated site; times in seconds, amounts in slots.

    Attributes:
        boot_s: until a machine is up; the measured start of what runs on it comes on top.
        teardown_s: paid after the last use.
        minimum_s: what is started is paid for at least this long.
        lead_s: leases are bought at least this long before they are of use.
        on_demand_cap: slots that can be had at once without a lease.
        quota: slots that can be had at all.
        patience_s: a session that waited this long is rejected.
        failing: share of the starts that fail, when they should be ready.
        seed: of the start-up times and failures.
    """

    boot_s: int = 10 * MINUTE_S
    teardown_s: int = MINUTE_S
    minimum_s: int = HOUR_S
    lead_s: int = HOUR_S
    on_demand_cap: int = UNLIMITED
    quota: int = UNLIMITED
    patience_s: int = 30 * MINUTE_S
    failing: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        times = (self.boot_s, self.teardown_s, self.minimum_s, self.lead_s, self.patience_s)
        if min(*times, self.on_demand_cap, self.quota) < 0 or not 0 <= self.failing < 1:
            raise BadRequest(
                "Times, caps and quotas of a simulation aren't below 0; of its starts less than all may fail."
            )

    @property
    def start_s(self) -> int:
        """What to reckon with from asking for a slot to its being of use: as long as any start takes."""
        return self.boot_s + round(max(MEASURED_STARTS))

    def draw_start_s(self, random: Random) -> int:
        """How long one start takes."""
        return self.boot_s + round(measured_start(random))
