"""``almanac.toml``, changed by commands: what people wrote there stays as it is, comments included."""

from __future__ import annotations

import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from almanac.core.errors import BadRequest, Conflict
from almanac.settings import Settings, load


def add_site(path: Path, kind: str, table: Mapping[str, object], state: Path) -> Settings:
    """Add a site's table, and check that all settings are right together, before the file changes.

    Args:
        path: the file; made, for this user only, if it isn't there.
        kind: the list of tables that it becomes one of, such as ``openstack``.
        table: what is in it, its name included.
        state: the state directory, for which the settings are.

    Returns:
        The settings as they are now.

    Raises:
        Conflict: there is a site of that name.
        BadRequest: the file can't be read, or the settings would not be right.
    """
    text = _text(path)
    document = _parsed(text, path)
    if text and kind not in document:
        document.add(tomlkit.nl())
    sites = document.setdefault(kind, tomlkit.aot())
    if not isinstance(sites, AoT):
        raise BadRequest(f"{path}: {kind} is not a list of tables.", hint=f"Write it as [[{kind}]].")
    if any(site.get("name") == table["name"] for site in sites):
        raise Conflict(
            f"There is a site {table['name']} in {path} already.", hint="Choose another name, or change it there."
        )
    new = tomlkit.table()
    for key, value in table.items():
        new[key] = value
    sites.append(new)
    changed = tomlkit.dumps(document)
    settings = load(**tomllib.loads(changed) | {"state": state})
    _replace(path, changed)
    return settings


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path} can't be read: {error}.", hint="Check its permissions; it is a TOML file.") from None


def _parsed(text: str, path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise BadRequest(f"{path}: {error}.", hint="Mend the file first; it is a TOML file.") from None


def _replace(path: Path, text: str) -> None:
    """Write atomically; the file keeps its mode, and a new one is for this user only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = path.resolve()  # a link stays a link
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
