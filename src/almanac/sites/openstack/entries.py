"""What ``clouds.yaml`` holds, and what a cloud offers to choose from when a site is added."""

from __future__ import annotations

import os
from pathlib import Path

from openstack.config import OpenStackConfig
from openstack.exceptions import ConfigException

from almanac.core.ports import Permanent
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.settings import OpenStackSettings


def find_entry(cloud: str, clouds_file: Path | None) -> Path:
    """The ``clouds.yaml`` that has an entry.

    Args:
        cloud: the entry's name.
        clouds_file: where to look; None for the usual places: ``$OS_CLIENT_CONFIG_FILE``, this directory,
            ``~/.config/openstack``, ``/etc/openstack``.

    Raises:
        Permanent: there is no such file, or it has no such entry; says what there is.
    """
    named = clouds_file or os.environ.get("OS_CLIENT_CONFIG_FILE")
    files = [str(named)] if named else None
    try:
        config = OpenStackConfig(config_files=files, load_envvars=False)
    except ConfigException as error:
        raise Permanent(f"clouds.yaml can't be read: {error}") from None
    if config.config_filename is None:
        where = str(named) if named else "this directory, ~/.config/openstack or /etc/openstack"
        raise Permanent(
            f"There is no clouds.yaml at {where}. A cloud's dashboard has one to download (API access), "
            "or write one: https://docs.openstack.org/openstacksdk."
        )
    names = sorted(config.get_cloud_names())
    if cloud not in names:
        raise Permanent(f"{config.config_filename} has no entry '{cloud}'. It has: {', '.join(names) or 'none'}.")
    return Path(config.config_filename).absolute()


def is_usual(path: Path) -> bool:
    """Whether a ``clouds.yaml`` is found by itself wherever Almanac runs as this user."""
    config = OpenStackConfig(config_files=None, load_envvars=False)
    found = config.config_filename
    return found is not None and Path(found).absolute() == path and path.parent != Path.cwd()


def images(settings: OpenStackSettings) -> list[str]:
    """The names of a cloud's active images.

    Raises:
        SiteError: the cloud doesn't answer, or not to this account.
    """
    cloud = Cloud(settings)
    try:
        found = cloud.call("image", "GET", "/images", "list images", status="active", limit="500")["images"]
    finally:
        cloud.close()
    return sorted({str(image["name"]) for image in found})
