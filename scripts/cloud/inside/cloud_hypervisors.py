"""``cloud_hypervisors.py --config-file FILE``: all of the cloud's nova-compute services, in one process.

Each has its own host name, queues, service record and resource provider, so that Nova and Blazar see as many hosts as there
are names in ``$HYPERVISORS``. What ``nova-compute`` does for one host is done here for each.
"""

from __future__ import annotations

from nova import monkey_patch

monkey_patch.patch(backend="threading")

import os
import shlex
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

import nova.conf
import nova.db.main.api
import os_vif
from nova import baserpc, config, context, objects, service, utils
from nova.compute import rpcapi as compute_rpcapi
from nova.conductor import rpcapi as conductor_rpcapi
from nova.objects import base as objects_base
from nova.virt import fake
from oslo_log import log as logging
from oslo_messaging import MessagingTimeout
from oslo_privsep import priv_context
from oslo_utils.fixture import uuidsentinel

NVME = "CUSTOM_NVME"
_CONDUCTOR_WITHIN_S = 120.0


class Hypervisor(fake.FakeDriver):
    """A host of 16 cores, 64 GiB and 500 GB; those named in ``$NVME`` have a fast local disk."""

    vcpus = 16
    memory_mb = 65536
    local_gb = 500

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        """Report the fast disk as a trait, as operators do."""
        super().update_provider_tree(provider_tree, nodename, allocations)
        if nodename in os.environ["NVME"].split():
            provider_tree.add_traits(nodename, NVME)


def prepare() -> None:
    """What a nova-compute does before it serves."""
    conf = nova.conf.CONF
    config.parse_args(["nova-compute", *sys.argv[1:]])
    logging.setup(conf, "nova")
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    objects.register_all()
    os_vif.initialize()
    nova.db.main.api.DISABLE_DB_ACCESS = True
    objects_base.NovaObject.indirection_api = conductor_rpcapi.ConductorAPI()
    objects.Service.enable_min_version_cache()
    # The fake driver draws random ids, and nova-compute then refuses to start a second time: make them stable.
    kept = Path(conf.state_path, "compute_id")
    kept.write_text(str(uuid.uuid5(uuid.NAMESPACE_DNS, "cloud")))


def await_conductor() -> None:
    """Ask until the conductor answers: Nova's own way of waiting is ten seconds coarse."""
    deadline = time.monotonic() + _CONDUCTOR_WITHIN_S
    conductor = baserpc.BaseAPI(topic=conductor_rpcapi.RPC_TOPIC)
    while True:
        try:
            conductor.ping(context.get_admin_context(), "up?", timeout=1)
        except MessagingTimeout:
            if time.monotonic() > deadline:
                raise
        else:
            return


def start(host: str) -> service.Service:
    """One nova-compute."""
    uuidsentinel._sentinels[f"node_{host}"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, host))
    started = service.Service.create(
        host=host,
        binary="nova-compute",
        topic=compute_rpcapi.RPC_TOPIC,
        topic_alt=getattr(compute_rpcapi, "RPC_TOPIC_ALT", None),
    )
    started.start()
    return started


def main() -> None:
    """Serve until told to stop."""
    sys.modules["nova.virt.cloud_hypervisors"] = sys.modules[__name__]  # Nova loads drivers from nowhere else
    prepare()
    await_conductor()
    services = [start(host) for host in os.environ["HYPERVISORS"].split()]
    print(f"{len(services)} hypervisors", flush=True)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    os._exit(0)  # Nova's threads would wait for each other


if __name__ == "__main__":
    main()
