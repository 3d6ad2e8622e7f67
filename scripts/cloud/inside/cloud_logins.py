"""A process's logins at Keystone, remembered for a few seconds.

Blazar makes a new client, and so logs in anew, for nearly every call that it makes: a dozen times for a lease. Each login is a
new token, which every service that is asked with it must validate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from keystoneauth1.access import AccessInfo
from keystoneauth1.identity import base, generic, v3
from keystoneauth1.session import Session

REMEMBERED_S = 10.0
"""No longer than services trust a token that they have seen."""

LogIn = Callable[[base.BaseIdentityPlugin, Session], AccessInfo]
_lock = Lock()
_known: dict[str, tuple[float, AccessInfo]] = {}


def remember() -> None:
    """From now on logins as the same user to the same project or trust share a token, until one is refused."""
    for kind in (v3.Password, generic.Password):
        kind.get_auth_ref = _remembering(kind.get_auth_ref)
    base.BaseIdentityPlugin.invalidate = _forgetting(base.BaseIdentityPlugin.invalidate)


def _remembering(log_in: LogIn) -> LogIn:
    def get_auth_ref(plugin: base.BaseIdentityPlugin, session: Session) -> AccessInfo:
        who = f"{type(plugin).__module__} {plugin.get_cache_id()}"
        with _lock:
            since, access = _known.get(who, (0.0, None))
        if access is not None and time.monotonic() - since < REMEMBERED_S:
            return access
        access = log_in(plugin, session)
        with _lock:
            _forget_old()
            _known[who] = (time.monotonic(), access)
        return access

    return get_auth_ref


def _forget_old() -> None:
    for who in [who for who, (since, _) in _known.items() if time.monotonic() - since > REMEMBERED_S]:
        del _known[who]


def _forgetting(invalidate: Callable[[base.BaseIdentityPlugin], bool]) -> Callable[[base.BaseIdentityPlugin], bool]:
    def forget(plugin: base.BaseIdentityPlugin) -> bool:
        with _lock:
            _known.clear()
        return invalidate(plugin)

    return forget
