"""The image that machines boot: this host's own tree, its /opt/almanac baked, its units cut down to what a machine needs.

The tree is an overlay on ``/``, so that systemd, cloud-init, Python and Java need no second installation. What is private on
this host (homes, the checkout, temporary directories) is hidden by empty directories.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.support.machines.shell import run

CHECKOUT = Path(__file__).resolve().parents[3]
_MASKED = (
    "console-getty.service",
    "e2scrub_reap.service",
    "getty.target",
    "ldconfig.service",
    "machines.target",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-logind.service",
    "systemd-pstore.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-udevd.service",
    "systemd-update-done.service",
)
_CLOUD_INIT = ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
_CLOUD_CONFIG = """# As in a cloud's own images, less what takes seconds and serves no test: host keys and locales.
datasource_list: [NoCloud]
locale: false
ssh_genkeytypes: []
network: {config: disabled}
"""
_HIDDEN = ("/home", "/media", "/mnt", "/root", "/srv", "/var/tmp")  # noqa: S108 - hidden, not used


@dataclass(frozen=True)
class Image:
    """What differs from this host.

    Attributes:
        binds: path on a machine -> what lies there, from this host, read-only.
        files: path on a machine -> a file's text.
        skew: by how much the machines' clocks are ahead (negative: behind).
    """

    binds: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    skew: timedelta = timedelta(0)

    def options(self) -> list[str]:
        """Options of systemd-nspawn that put everything in its place."""
        hidden = [f"--tmpfs={path}:mode=0711" for path in (*_HIDDEN, str(CHECKOUT)) if Path(path).is_dir()]
        python = Path(sys.base_prefix).resolve()  # it may lie in somebody's home
        binds = {str(python): python, **self.binds} if python != Path("/usr") else self.binds
        return hidden + [f"--bind-ro={source}:{path}" for path, source in binds.items()]

    def make(self, disk: Path) -> Path:
        """Lay out a machine's disk in an empty directory; returns the tree's root, mounted."""
        root = mount(disk)
        units = root / "etc/systemd/system"
        shutil.rmtree(units)
        wanted = units / "cloud-init.target.wants"
        wanted.mkdir(parents=True)
        for name in _MASKED:
            (units / name).symlink_to("/dev/null")
        for name in _CLOUD_INIT:
            (wanted / f"{name}.service").symlink_to(f"/lib/systemd/system/{name}.service")
        (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
        _write(root / "etc/machine-id", "")
        _write(root / "etc/cloud/cloud.cfg.d/99-test-machine.cfg", _CLOUD_CONFIG)
        _write(root / "etc/systemd/journald.conf.d/keep.conf", "[Journal]\nStorage=persistent\n")
        for path, text in self.files.items():
            _write(root / path.lstrip("/"), text)
        shutil.rmtree(root / "var/log/journal", ignore_errors=True)
        shutil.rmtree(root / "var/lib/cloud", ignore_errors=True)
        if self.skew:
            _write(root / "etc/systemd/system.conf.d/skew.conf", self._skewed())
        return root

    def _skewed(self) -> str:
        """Every unit sees another time: the kernel has one clock for all namespaces, so a library shifts it."""
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        ahead = f"FAKETIME={self.skew.total_seconds():+.0f} FAKETIME_DONT_FAKE_MONOTONIC=1"
        return f"[Manager]\nDefaultEnvironment=LD_PRELOAD={library} {ahead}\n"


def mount(disk: Path) -> Path:
    """Mount the tree whose changes a disk holds."""
    upper, work, root = disk / "changes", disk / "work", disk / "root"
    for directory in (upper, work, root):
        directory.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    run("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", "overlay", str(root))
    return root


def seed(root: Path, instance: str, hostname: str, user_data: bytes) -> None:
    """What cloud-init finds at boot, as a config drive or a metadata service would tell it."""
    directory = root / "var/lib/cloud/seed/nocloud"
    _write(directory / "meta-data", f"instance-id: {instance}\nlocal-hostname: {hostname}\n")
    (directory / "user-data").write_bytes(user_data)
    _write(root / "etc/hostname", f"{hostname}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
