"""The part of a check that looks at shared data: from here only what Almanac itself needs; machines mount it with ``--boot``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from almanac.core.ports import SiteError
from almanac.sites.openstack.checking import Finding, Outcome, Step, Trial
from almanac.sites.openstack.data import Data


class Mounting:
    """Looks at what machines are to mount.

    Args:
        trial: what is tried out.
        boot: whether a machine is booted, too, which mounts it.
    """

    def __init__(self, trial: Trial, boot: bool) -> None:
        self._data = Data(trial.cloud, trial.settings.mounts)
        self._mounts = trial.settings.mounts
        self._boot = boot

    def steps(self) -> Iterator[Step]:
        """One step for each label."""
        for label in self._mounts:
            yield Step(f"data {label}", partial(self._look, label))

    def _look(self, label: str) -> Finding:
        try:
            (order,) = self._data.orders([label])
        except SiteError as trouble:
            return Finding(Outcome.FAILED, str(trouble), f"You: the settings' openstack.mounts.{label}.")
        says = f"{label} is {order['what']} ({order['type']}), for {'writing' if self._mounts[label].write else 'reading'}."
        if self._boot:
            return Finding(Outcome.OK, f"{says} A machine mounts it next.")
        return Finding(
            Outcome.NOTE, f"{says} Whether machines can mount it is seen only when one boots.", "Try: --boot"
        )
