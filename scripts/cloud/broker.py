"""RabbitMQ, with an epmd and a cookie of its own."""

from __future__ import annotations

import socket
import time

from scripts.cloud import processes
from scripts.cloud.errors import CloudError
from scripts.cloud.stack import Stack, write_private

_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""Not the one on the PATH: that one insists on its own user, and on /var/lib."""
_UP_WITHIN_S = 90.0


def start(stack: Stack) -> None:
    """Start it, and wait until it takes connections.

    Raises:
        CloudError: it doesn't start.
    """
    home = stack.data / "rabbit"
    home.mkdir(exist_ok=True)
    write_private(home / "rabbitmq.conf", _settings(stack))
    (home / "enabled_plugins").write_text("[].\n")
    processes.start(stack, "rabbitmq", [_SERVER], _variables(stack))
    deadline = time.monotonic() + _UP_WITHIN_S
    while not _answers(stack.ports["broker"]):
        if not processes.alive(stack, "rabbitmq") or time.monotonic() > deadline:
            raise CloudError(f"RabbitMQ doesn't start:\n{processes.tail(stack, 'rabbitmq')}")
        time.sleep(0.1)


def _settings(stack: Stack) -> str:
    return f"""listeners.tcp.default = 127.0.0.1:{stack.ports["broker"]}
default_user = broker
default_pass = {stack.secrets["broker"]}
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 50MB
log.file.level = warning
"""


def _variables(stack: Stack) -> dict[str, str]:
    home = stack.data / "rabbit"
    loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    few_threads = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
    return {
        "HOME": str(home),  # Erlang keeps its cookie there
        "RABBITMQ_NODENAME": "cloud@localhost",
        "RABBITMQ_MNESIA_BASE": str(home),
        "RABBITMQ_LOG_BASE": str(stack.log / "rabbitmq"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(stack.ports["distribution"]),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{loopback} {few_threads}",
        "ERL_EPMD_PORT": str(stack.ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True
