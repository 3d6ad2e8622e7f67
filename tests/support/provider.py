"""A real OpenID Connect provider on loopback, in a process of its own: discovery, code flow, signed ID tokens, userinfo."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from tests.support.ports import free_port


@dataclass(frozen=True)
class RunningProvider:
    """Where it is, and what people do there."""

    issuer: str

    def has(self, subject: str, **claims: object) -> None:
        """Say who somebody is there."""
        httpx2.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def agree(self, url: str, subject: str) -> str:
        """Sign in at the page that a browser was sent to; returns where it sends the browser back to."""
        return self._press(url, {"sub": subject})

    def deny(self, url: str) -> str:
        """Think better of it."""
        return self._press(url, {"action": "deny"})

    def _press(self, url: str, form: dict[str, str]) -> str:
        assert url.startswith(self.issuer)
        answer = httpx2.post(url, data=form)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


@contextmanager
def running_provider() -> Iterator[RunningProvider]:
    """A provider, until the end of the block."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        provider = RunningProvider(f"http://127.0.0.1:{port}")
        _until_it_answers(provider, process)
        yield provider
    finally:
        process.terminate()
        process.wait()


def _until_it_answers(provider: RunningProvider, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").raise_for_status()
        except httpx2.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the provider ended: {process.returncode}")
