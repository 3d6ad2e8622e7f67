"""A recipe for an image that has everything: machines that boot it install nothing."""

from __future__ import annotations

import base64

from almanac.sites.openstack.layout import OPT
from almanac.sites.openstack.user_data import AGENT, agent
from almanac.spark import package

_RECIPE = """\
#!/bin/sh
# Almanac's part of an image: Java, Spark, JupyterLab and what notebooks import, in {opt}.
# Run it as root in a machine that booted the image to start from (Debian 12, Ubuntu 22.04 or 24.04, Rocky 9), or with
#   virt-customize -a IMAGE.qcow2 --memsize 4096 --network --run THIS-SCRIPT
# The machine needs its distribution's packages and Python's. Nothing in here is secret.
set -eu
umask 022
if [ "$(id -u)" != 0 ]; then echo "Run this as root." >&2; exit 1; fi
if ! command -v python3 >/dev/null; then echo "This image has no python3; cloud-init needs it too." >&2; exit 1; fi
mkdir -p {opt}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
base64 -d > {agent} <<'END'
{agent_data}
END
base64 -d > "$scratch/package.zip" <<'END'
{package_data}
END
python3 -I {agent} bake "$scratch/package.zip" {digest} {opt}
if command -v apt-get >/dev/null; then apt-get clean; fi
if command -v dnf >/dev/null; then dnf -q clean all; fi
if command -v cloud-init >/dev/null; then cloud-init clean --logs; fi
echo "Shut the machine down and make an image of its disk."
"""


def recipe() -> str:
    """A shell script that an operator runs in a machine, or with virt-customize.

    It installs the versions that this Almanac runs with; after an update of Almanac, machines from an older image install the
    difference when they boot.
    """
    return _RECIPE.format(
        opt=OPT,
        agent=AGENT,
        agent_data=_lines(agent()),
        package_data=_lines(package.package()),
        digest=package.digest(),
    )


def _lines(data: bytes) -> str:
    return base64.encodebytes(data).decode().rstrip("\n")
