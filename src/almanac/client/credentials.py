"""Where a person's server address and tokens are kept: one TOML file, mode 0600; two environment variables override it.

::

    default = "http://127.0.0.1:8484"

    [servers."http://127.0.0.1:8484"]
    token = "..."
    person = "ada"
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from almanac.client.errors import BadCredentials

DEFAULT_URL = "http://127.0.0.1:8484"


@dataclass(frozen=True, slots=True)
class Credential:
    """A token for one server, and whose it is."""

    token: str = field(repr=False)
    person: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The file's content: the server that is meant when none is named, and a credential per server address."""

    default: str = DEFAULT_URL
    servers: dict[str, Credential] = field(default_factory=dict)

    def signed_in(self, url: str, credential: Credential) -> Credentials:
        """With a credential for a server, which becomes the default."""
        return Credentials(url, {**self.servers, url: credential})

    def signed_out(self, url: str) -> Credentials:
        """Without the credential for a server."""
        return Credentials(self.default, {u: c for u, c in self.servers.items() if u != url})


def credentials_path() -> Path:
    """``$ALMANAC_CONFIG``, or ``~/.config/almanac/credentials.toml``."""
    named = os.environ.get("ALMANAC_CONFIG")
    return Path(named).expanduser() if named else Path.home() / ".config" / "almanac" / "credentials.toml"


def load(path: Path | None = None) -> Credentials:
    """Read the credentials; empty ones when there is no file.

    Raises:
        BadCredentials: others can read the file, or it isn't what ``save`` wrote.
    """
    path = path or credentials_path()
    try:
        with path.open("rb") as file:
            _refuse_shared(path, os.fstat(file.fileno()))
            return _parse(tomllib.load(file))
    except FileNotFoundError:
        return Credentials()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise BadCredentials(
            f"{path} is not a credentials file ({error}).", f"Remove it and sign in again: rm {path}; almanac login"
        ) from error
    except OSError as error:
        raise BadCredentials(
            f"{path} can't be read ({error.strerror}).", "Name another file: export ALMANAC_CONFIG=..."
        ) from error


def save(credentials: Credentials, path: Path | None = None) -> Path:
    """Write the credentials, atomically and readable by this person only; returns where."""
    path = path or credentials_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")  # mkstemp makes it 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_format(credentials))
        Path(temporary).replace(path)
    except OSError as error:
        raise BadCredentials(
            f"{path} can't be written ({error.strerror}).", "Name another file: export ALMANAC_CONFIG=..."
        ) from error
    return path


def resolve(url: str | None = None, token: str | None = None) -> tuple[str, str | None]:
    """The address and token to use: arguments, then ``ALMANAC_URL``/``ALMANAC_TOKEN``, then the file.

    A token is only taken from the file for the server that it was given for.
    """
    url = url or os.environ.get("ALMANAC_URL")
    token = token or os.environ.get("ALMANAC_TOKEN")
    if url and token:
        return url.rstrip("/"), token
    stored = load()
    url = (url or stored.default).rstrip("/")
    known = stored.servers.get(url)
    return url, token or (known.token if known else None)


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise BadCredentials(
            f"Others can read {path}, which holds your token.", f"Make it yours alone: chmod 600 {path}"
        )


def _parse(data: dict[str, object]) -> Credentials:
    servers = data.get("servers", {})
    default = data.get("default", DEFAULT_URL)
    if not isinstance(servers, dict) or not isinstance(default, str):
        raise TypeError("default and servers are wanted")
    found = {u: Credential(str(entry["token"]), str(entry.get("person", ""))) for u, entry in servers.items()}
    return Credentials(default, found)


def _format(credentials: Credentials) -> str:
    """As TOML; a JSON string is a TOML basic string too."""
    lines = [
        "# Written by almanac. Keep it to yourself: it holds tokens.",
        f"default = {json.dumps(credentials.default)}",
    ]
    for url, credential in credentials.servers.items():
        lines += ["", f"[servers.{json.dumps(url)}]"]
        lines += [f"token = {json.dumps(credential.token)}", f"person = {json.dumps(credential.person)}"]
    return "\n".join(lines) + "\n"
