"""The built-in catalogue, sized from a site's capacity so that a laptop and a cloud both offer something sensible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from almanac.core.catalogue import Profile
from almanac.core.resources import Flavor, Host, Resources

SEAT_MIB = 192
"""A notebook server and one kernel (67 + 96 MB measured), with some room."""

_HEAD = {"small": 1280, "medium": 2048, "large": 4096}
_WORKER = {"small": (1, 1408), "medium": (2, 4096), "large": (4, 12288)}


def built_in_flavors(total: Resources, seats: int) -> tuple[Flavor, ...]:
    """Flavors that fit a machine of ``total``, for a class of ``seats``; the GPU flavor only where there are GPUs."""
    flavors = [Flavor("notebook", Resources(1, 1024, 2))]
    for size, memory in _HEAD.items():
        cores, worker_mib = _WORKER[size]
        flavors.append(Flavor(f"head-{size}", Resources(1, memory, 2)))
        flavors.append(Flavor(f"worker-{size}", Resources(cores, worker_mib, 4 * cores)))
    flavors.append(Flavor("head-class", Resources(2, 1536 + seats * SEAT_MIB, 10)))
    if total.gpus:
        flavors.append(Flavor("worker-gpu", Resources(4, 12288, 16, 1)))
    return tuple(flavor for flavor in flavors if flavor.resources.fits_in(total))


def class_seats(total: Resources) -> int:
    """Seats of the built-in class: 30 where two thirds of the machine's memory carry them, else what they carry, at least 2."""
    return max(2, min(30, (total.memory_mib * 2 // 3 - 4096) // SEAT_MIB))


def built_in_profiles(hosts: Sequence[Host], flavors: Sequence[Flavor]) -> tuple[Profile, ...]:
    """The profiles whose smallest booking fits the hosts when they are empty."""
    total = sum((host.resources for host in hosts), Resources())
    seats = class_seats(max((host.resources for host in hosts), key=lambda r: r.memory_mib, default=Resources()))
    by_name = {flavor.name: flavor for flavor in flavors}
    entries = (
        Profile("notebook", "A notebook, no cluster", head="notebook"),
        _spark("small", "A small Spark cluster: try things, teach one person", workers=2),
        _spark("medium", "A medium Spark cluster: tens of millions of rows", workers=2),
        _spark("large", "A large Spark cluster: whole catalogues", workers=4),
        Profile(
            "spark-class",
            "One fair cluster for a class: everybody presses Run at once",
            head="head-class",
            worker="worker-medium" if total.cores >= 8 and total.memory_mib >= 24 * 1024 else "worker-small",
            workers=2,
            max_workers=6,
            seats_per_worker=5,
            max_seats=seats,
            no_show_after=timedelta(hours=1),
        ),
        Profile("spark-gpu", "Spark with GPUs", head="head-medium", worker="worker-gpu", workers=1, max_workers=1),
    )
    return tuple(profile for profile in entries if _fits(profile, by_name, total))


def _spark(size: str, title: str, workers: int) -> Profile:
    return Profile(
        f"spark-{size}", title, head=f"head-{size}", worker=f"worker-{size}", workers=workers, max_workers=workers
    )


def _fits(profile: Profile, flavors: dict[str, Flavor], total: Resources) -> bool:
    if profile.head not in flavors or (profile.worker and profile.worker not in flavors):
        return False
    need = flavors[profile.head].resources
    if profile.worker:
        need += flavors[profile.worker].resources * profile.workers
    return need.fits_in(total)
