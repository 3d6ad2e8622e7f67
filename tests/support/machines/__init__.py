"""Test hosts: what a cloud with fake hypervisors "boots" really runs here.

Nova's fake driver says ACTIVE and starts nothing. ``Machines`` watches a project and boots each of its servers as a machine on
this host: real systemd as process 1 (systemd-nspawn on an overlay of this host's own tree), real cloud-init with the server's
user-data (a NoCloud seed), in a network namespace that has the address and the MAC of the server's Neutron port, behind that
port's security groups. So the user-data, the node's agent, its units and Spark are tested as they are, on several addresses.

Why systemd-nspawn: it boots to ``multi-user.target`` in a second and through cloud-init in two, needs neither a running systemd
nor a registration (``--register=no --keep-unit``), works on control groups of version 1 and 2, and hands over a reboot; the
same by hand (unshare, mounts, a look-alike of systemctl) would test our look-alike. What it can't show: block devices, GPUs and
a kernel of its own; on version 1 of control groups a unit's MemoryMax has no effect, and the machine's memory as a whole is
limited instead. Needs root, and Debian's systemd-container, cloud-init, nftables and faketime.
"""

from tests.support.machines.baked import baked
from tests.support.machines.fleet import Machines
from tests.support.machines.machine import Machine
from tests.support.machines.nova import Project

__all__ = ["Machine", "Machines", "Project", "baked"]
