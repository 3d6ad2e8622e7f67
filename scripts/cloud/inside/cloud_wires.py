"""A mechanism driver for Neutron where there are no wires: every port on every host is bound and active at once."""

from __future__ import annotations

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

_DETAILS = {portbindings.CAP_PORT_FILTER: True, portbindings.VIF_DETAILS_CONNECTIVITY: portbindings.CONNECTIVITY_L2}


class InstantWires(api.MechanismDriver):
    """Binds as Open vSwitch would."""

    @property
    def connectivity(self) -> str:
        """Said of ports in the API."""
        return portbindings.CONNECTIVITY_L2

    def initialize(self) -> None:
        """Nothing to set up."""

    def bind_port(self, context: api.PortContext) -> None:
        """Bind to the network's first segment."""
        segment = context.segments_to_bind[0][api.ID]
        context.set_binding(segment, portbindings.VIF_TYPE_OVS, _DETAILS, status=constants.PORT_STATUS_ACTIVE)
