"""A site on a simulated clock: real rules, real checkpoints, faults on demand, and nothing that runs."""

from almanac.sites.simulated.clock import SimulatedClock
from almanac.sites.simulated.faults import Faults, Killed
from almanac.sites.simulated.site import SimulatedSite
from almanac.sites.simulated.world import World

__all__ = ["Faults", "Killed", "SimulatedClock", "SimulatedSite", "World"]
