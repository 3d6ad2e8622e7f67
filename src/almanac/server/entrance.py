"""The front door that the settings describe."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from almanac.core.errors import SiteTrouble
from almanac.frontdoor import ports
from almanac.frontdoor.configuration import Certificate, Plan
from almanac.frontdoor.ports import Ports
from almanac.frontdoor.process import Proxy, find_program
from almanac.services.door import Addresses, Door
from almanac.settings import Settings


@dataclass(frozen=True, slots=True)
class Entrance:
    """A door that is to be, and what opens it.

    Attributes:
        door: as services know it.
        program: Caddy's path.
        ports: where it listens.
    """

    door: Door
    settings: Settings
    program: str
    ports: Ports

    def proxy(self, almanac: str) -> Proxy:
        """Its proxy, not yet running.

        Args:
            almanac: Almanac's URL on this machine.
        """
        wanted, addresses = self.settings.door, self.door.addresses
        files = Certificate(wanted.certificate, wanted.key) if wanted.certificate and wanted.key else None
        host = _bracketed(wanted.host)
        plan = Plan(
            listen=f"{host}:{self.ports.entrance}",
            listen_platforms=f"{host}:{self.ports.platforms}",
            url=addresses.url,
            platforms_url=addresses.platforms_url,
            almanac=urlsplit(almanac).netloc,
            secret=self.door.secret,
            directory=self.settings.state / "door",
            certificate=files,
        )
        return Proxy(self.program, plan, self.settings.state / "log" / "door.log", self.ports.held)


def find_entrance(settings: Settings) -> Entrance | None:
    """The door, where there is to be one; its ports are chosen by this.

    Raises:
        SiteTrouble: it is wanted, and Caddy isn't installed.
    """
    wanted, program = settings.door, find_program()
    if wanted.enabled is False or (wanted.enabled is None and program is None):
        return None
    if program is None:
        raise SiteTrouble(
            "The front door needs Caddy, which isn't installed.",
            hint="apt-get install caddy, or set door.enabled = false in almanac.toml.",
        )
    usual = ports.USUAL if settings.port else (0, 0)  # whoever asks for any free port may be one of many here
    chosen = ports.choose(
        settings.state / "door" / "ports.json", wanted.host, (wanted.port, wanted.platforms_port), usual
    )
    scheme = "https" if wanted.secure else "http"
    url = (wanted.url or f"{scheme}://localhost:{chosen.entrance}").rstrip("/")
    near = f"{scheme}://{_bracketed(urlsplit(url).hostname or '')}:{chosen.platforms}"
    return Entrance(Door(Addresses(url, (wanted.platforms_url or near).rstrip("/"))), settings, program, chosen)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
