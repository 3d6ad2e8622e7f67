"""Whether a cloud can be a site: every step is really done, and what fails says who can mend it and how."""

from __future__ import annotations

from collections.abc import Iterator

from almanac.sites.openstack.check_boot import Booting
from almanac.sites.openstack.check_data import Mounting
from almanac.sites.openstack.check_looking import Looking
from almanac.sites.openstack.check_making import Making
from almanac.sites.openstack.checking import Step, Trial


def steps(trial: Trial, booting: Booting | None = None) -> Iterator[Step]:
    """What is tried, in order; see ``checking.carried_out``.

    Args:
        trial: what is tried out.
        booting: boots a machine at the end; None leaves that out.
    """
    yield from Looking(trial).steps()
    yield from Making(trial).steps()
    yield from Mounting(trial, booting is not None).steps()
    if booting is not None:
        yield from booting.steps()
