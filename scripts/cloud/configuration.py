"""The services' configuration files, from a stack."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.cloud.stack import REGION, Stack, write_private

FILES = {
    "keystone": "keystone.conf",
    "placement": "placement.conf",
    "glance": "glance-api.conf",
    "nova": "nova.conf",
    "neutron": "neutron.conf",
    "blazar": "blazar.conf",
}
COMPUTE = "compute.conf"
"""Nova's configuration without its databases, which a hypervisor must not see."""

Value = str | int | bool | Sequence[str]
Sections = dict[str, Mapping[str, Value]]

TOKENS_KNOWN_FOR_S = 10
"""How long services trust a token that they have seen; 300 by default, too long for tests that revoke one."""

_LOGS: Mapping[str, Value] = {"use_stderr": True, "log_color": False}
"""Where a process's standard error goes is ours to say."""


def write(stack: Stack) -> None:
    """Write every file."""
    for service, sections in _all(stack).items():
        write_private(stack.etc / service / FILES[service], render(sections))
    compute = {name: values for name, values in _nova(stack).items() if not name.endswith("database")}
    write_private(stack.etc / "nova" / COMPUTE, render(compute))
    (stack.etc / "nova" / "providers").mkdir()
    shutil.copy(stack.venv / "etc" / "nova" / "api-paste.ini", stack.etc / "nova")  # its API looks nowhere else
    _write_fernet_keys(stack)
    _write_plugin(stack)
    for directory in ("images", "tasks", "staging", "nova/instances", "neutron", "lock", "cache"):
        (stack.data / directory).mkdir(parents=True, exist_ok=True)


def render(sections: Sections) -> str:
    """The text of a file; a sequence becomes one line for each of its values."""
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            several = [str(value)] if isinstance(value, str | int) else value
            lines += [f"{key} = {one}" for one in several]
        lines.append("")
    return "\n".join(lines)


def _all(stack: Stack) -> dict[str, Sections]:
    return {
        "keystone": _keystone(stack),
        "placement": _placement(stack),
        "glance": _glance(stack),
        "nova": _nova(stack),
        "neutron": _neutron(stack),
        "blazar": _blazar(stack),
    }


def _database(stack: Stack, name: str) -> Mapping[str, Value]:
    url = f"mysql+pymysql://root@localhost/{name}?charset=utf8mb4&unix_socket={stack.socket}"
    return {"connection": url, "max_pool_size": 10, "max_overflow": 20}


def _broker(stack: Stack) -> str:
    return f"rabbit://broker:{stack.secrets['broker']}@127.0.0.1:{stack.ports['broker']}/"


def _login(stack: Stack, user: str) -> Mapping[str, Value]:
    """How a service logs in at Keystone."""
    return {
        "www_authenticate_uri": stack.identity_url,
        "auth_url": stack.identity_url,
        "auth_type": "password",
        "username": user,
        "password": stack.secrets[user],
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def _common(stack: Stack, user: str) -> Sections:
    return {
        "keystone_authtoken": {**_login(stack, user), "token_cache_time": TOKENS_KNOWN_FOR_S},
        "oslo_concurrency": {"lock_path": str(stack.data / "lock")},
        "oslo_messaging_notifications": {"driver": "noop"},
        # After a restart of the broker a service waits for it 2, 4, 6 ... up to 30 s, all of them at each other's heels.
        "oslo_messaging_rabbit": {"rabbit_retry_backoff": 1, "rabbit_interval_max": 2},
    }


def _keystone(stack: Stack) -> Sections:
    keys = {"key_repository": str(_fernet_keys(stack))}
    return {
        "DEFAULT": _LOGS,
        "database": _database(stack, "keystone"),
        "token": {"provider": "fernet", "expiration": 3600},
        "fernet_tokens": keys,
        "fernet_receipts": keys,
        # One process, so a cache in its memory is coherent; without one every token costs 150 ms of SQL.
        "cache": {"enabled": True, "backend": "dogpile.cache.memory"},
        # At 12 rounds a login costs 0.25 s, and Blazar logs in anew for nearly every call to Nova.
        "identity": {
            "password_hash_rounds": 4,
            "max_password_length": 72,
        },  # all that bcrypt heeds, else every login is warned of
    }


def _placement(stack: Stack) -> Sections:
    return {
        "DEFAULT": _LOGS,
        "api": {"auth_strategy": "keystone"},
        "placement_database": _database(stack, "placement"),
        **_common(stack, "placement"),
    }


def _glance(stack: Stack) -> Sections:
    paste = stack.venv / "etc" / "glance" / "glance-api-paste.ini"
    return {
        "DEFAULT": {**_LOGS, "enabled_backends": "files:file"},
        "glance_store": {"default_backend": "files"},
        "files": {"filesystem_store_datadir": str(stack.data / "images")},
        "os_glance_tasks_store": {"filesystem_store_datadir": str(stack.data / "tasks")},
        "os_glance_staging_store": {"filesystem_store_datadir": str(stack.data / "staging")},
        "database": _database(stack, "glance"),
        "paste_deploy": {"flavor": "keystone", "config_file": str(paste)},
        **_common(stack, "glance"),
    }


_FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
    # Without these three, servers of others land on reserved hosts.
    "AggregateMultiTenancyIsolation",
    "AggregateInstanceExtraSpecsFilter",
    "BlazarFilter",
)
_AVAILABLE = ("nova.scheduler.filters.all_filters", "blazarnova.scheduler.filters.blazar_filter.BlazarFilter")


def _nova(stack: Stack) -> Sections:
    login = _login(stack, "nova")
    return {
        "DEFAULT": {
            "my_ip": "127.0.0.1",
            "state_path": str(stack.data / "nova"),
            **_LOGS,
            "transport_url": _broker(stack),
            "compute_driver": "cloud_hypervisors.Hypervisor",
            "periodic_fuzzy_delay": 0,  # else the first search for hosts waits up to a minute
            # Nothing changes on these hosts but what Nova itself does, and who fails them says so.
            "update_resources_interval": 300,
            "report_interval": 30,
            "service_down_time": 120,
            # Blazar's virtual:instance counts whole hosts, Placement heeds these two: they must agree.
            "reserved_host_memory_mb": 0,
            "initial_cpu_allocation_ratio": "1.0",
        },
        # What Nova answers needn't be checked against its own schemas.
        "api": {"response_validation": "ignore"},
        "api_database": _database(stack, "nova_api"),
        "database": _database(stack, "nova"),
        "conductor": {"workers": 1},
        "compute": {"provider_config_location": str(stack.etc / "nova" / "providers")},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 1},
        "filter_scheduler": {"available_filters": _AVAILABLE, "enabled_filters": ",".join(_FILTERS)},
        "vnc": {"enabled": False},
        "spice": {"enabled": False},
        "quota": {"instances": -1, "cores": -1, "ram": -1},
        **dict.fromkeys(("placement", "neutron", "glance"), login),
        "service_user": {"send_service_user_token": True, **login},
        **_common(stack, "nova"),
    }


def _neutron(stack: Stack) -> Sections:
    unlimited = ("network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule")
    return {
        "DEFAULT": {
            "core_plugin": "ml2",
            "service_plugins": "router",
            "auth_strategy": "keystone",
            "api_paste_config": str(stack.venv / "etc" / "neutron" / "api-paste.ini"),
            "transport_url": _broker(stack),
            "state_path": str(stack.data / "neutron"),
            **_LOGS,
            "enable_traditional_dhcp": False,
            # Nova asks eight times about a server whose port has changed, and nobody waits for that here.
            "notify_nova_on_port_data_changes": False,
            "notify_nova_on_port_status_changes": False,
            # There are no agents to tell of changes, which is a third of what a change costs.
            "rpc_workers": 0,
            "enable_dvr": False,
        },
        "ml2": {
            "type_drivers": "flat,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "cloud_wires",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "public"},
        "ml2_type_vxlan": {"vni_ranges": "1:5000"},
        "securitygroup": {"enable_security_group": True},
        "quotas": {f"quota_{name}": -1 for name in unlimited},
        "database": _database(stack, "neutron"),
        "nova": _login(stack, "nova"),
        "placement": _login(stack, "nova"),
        **_common(stack, "neutron"),
    }


def _blazar(stack: Stack) -> Sections:
    return {
        "DEFAULT": {
            "host": "127.0.0.1",
            "port": stack.ports["blazar"],
            **_LOGS,
            "transport_url": _broker(stack),
            "os_auth_protocol": "http",
            "os_auth_host": "127.0.0.1",
            "os_auth_port": stack.ports["keystone"],
            "os_auth_prefix": "identity",
            "os_admin_username": "blazar",
            "os_admin_password": stack.secrets["blazar"],
            "os_admin_project_name": "service",
            "os_region_name": REGION,
            "identity_service": "identity",
        },
        "manager": {
            "plugins": "physical.host.plugin,virtual.instance.plugin,flavor.instance.plugin",
            "minutes_before_end_lease": 0,
        },
        "nova": {"aggregate_freepool_name": "freepool"},
        # A look at all hosts takes ten requests.
        "physical:host": {"enable_polling_monitor": True, "polling_interval": 15},
        "database": _database(stack, "blazar"),
        **_common(stack, "blazar"),
    }


def _fernet_keys(stack: Stack) -> Path:
    return stack.etc / "keystone" / "fernet-keys"


def _write_fernet_keys(stack: Stack) -> None:
    """What ``keystone-manage fernet_setup`` makes: a staged key and a primary one."""
    keys = _fernet_keys(stack)
    shutil.rmtree(keys, ignore_errors=True)
    keys.mkdir(mode=0o700, parents=True)
    for number in ("0", "1"):
        write_private(keys / number, base64.urlsafe_b64encode(os.urandom(32)).decode())


def _write_plugin(stack: Stack) -> None:
    """The entry point by which Neutron finds our wires."""
    described = stack.etc / "plugins" / "almanac_cloud-1.dist-info"
    write_private(described / "METADATA", "Metadata-Version: 2.1\nName: almanac-cloud\nVersion: 1\n")
    write_private(
        described / "entry_points.txt", "[neutron.ml2.mechanism_drivers]\ncloud_wires = cloud_wires:InstantWires\n"
    )
