"""Logins at Keystone that a process of the cloud for tests remembers: as the same, for seconds, until one is refused."""

from __future__ import annotations

import importlib.util
from itertools import count
from types import ModuleType

import pytest
from keystoneauth1.access import AccessInfoV3
from keystoneauth1.identity import base, generic, v3
from keystoneauth1.session import Session
from scripts.cloud.processes import INSIDE

HERE = "http://127.0.0.1:1/v3"


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, remembering; each login that is made gets the next number as its token."""
    tokens = count(1)

    def log_in(plugin: base.BaseIdentityPlugin, session: Session) -> AccessInfoV3:
        return AccessInfoV3({"token": {}}, auth_token=f"token {next(tokens)}")

    monkeypatch.setattr(v3.Password, "get_auth_ref", log_in)
    monkeypatch.setattr(generic.Password, "get_auth_ref", log_in)
    monkeypatch.setattr(base.BaseIdentityPlugin, "invalidate", base.BaseIdentityPlugin.invalidate)
    spec = importlib.util.spec_from_file_location("cloud_logins", INSIDE / "cloud_logins.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.remember()
    return module


def as_user(name: str = "blazar", **more: str) -> v3.Password:
    return v3.Password(HERE, username=name, password="secret", user_domain_name="Default", **more)


def token(plugin: base.BaseIdentityPlugin) -> str:
    found = plugin.get_token(Session())
    assert found is not None
    return found


def test_the_same_login_is_made_once(logins: ModuleType) -> None:
    assert token(as_user()) == token(as_user()) == "token 1"


def test_another_user_or_trust_or_kind_of_login_is_another(logins: ModuleType) -> None:
    others = [as_user(), as_user("nova"), as_user(trust_id="t-1"), as_user(trust_id="t-2"), generic.Password(HERE)]
    assert len({token(other) for other in others}) == len(others)


def test_whoever_is_refused_logs_in_anew(logins: ModuleType) -> None:
    refused = as_user()
    assert token(refused) == "token 1"
    assert refused.invalidate()
    assert token(refused) == token(as_user()) == "token 2"


def test_a_login_is_remembered_for_seconds_only(logins: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert token(as_user()) == "token 1"
    monkeypatch.setattr(logins, "REMEMBERED_S", 0.0)
    assert token(as_user()) == "token 2"
