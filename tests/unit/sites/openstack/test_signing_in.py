"""A cloud that can't even be signed in to."""

from __future__ import annotations

import socket

from almanac.sites.openstack.check import steps
from almanac.sites.openstack.checking import Finding, Needs, Outcome, Trial, carried_out
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.settings import OpenStackSettings

ENTRY = """
clouds:
  east:
    auth:
      auth_url: http://127.0.0.1:{port}/identity
      username: ada
      password: secret
      project_name: gaia
      user_domain_name: Default
      project_domain_name: Default
"""


def first_finding(settings: OpenStackSettings) -> Finding:
    """What the first step of a check finds."""
    trial = Trial(Cloud(settings), settings, Needs((), ()), "http://10.0.0.1:8484", lambda: None)
    return carried_out(next(steps(trial)))


def test_an_address_at_which_nobody_is_is_said_in_a_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        clouds = tmp_path / "clouds.yaml"
        clouds.write_text(ENTRY.format(port=taken.getsockname()[1]))
        found = first_finding(OpenStackSettings("east", "debian-12", clouds_file=clouds))
    assert found.outcome is Outcome.FAILED
    assert found.says == "Nothing answers as Keystone where 'east' in clouds.yaml says that it is."
    assert found.mend.startswith("You: the entry's 'auth_url'")
