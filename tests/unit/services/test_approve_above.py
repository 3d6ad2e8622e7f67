"""Limits of a profile above which somebody has to approve, as an operator writes them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from almanac.core.catalogue import Above
from almanac.core.errors import BadRequest
from almanac.services.profile_file import read

PROFILE = """
[profiles.large]
title = "Large"
head = "head"
approve_above = {limits}
"""


def limits(tmp_path, text: str) -> Above:
    path = tmp_path / "profiles.toml"
    path.write_text(PROFILE.replace("{limits}", text))
    return read(path).profiles[0].approve_above


def test_each_limit_may_be_left_out(tmp_path):
    assert limits(tmp_path, "{seats = 12, hours = 1.5, nodes = 6}") == Above(12, timedelta(minutes=90), 6)
    assert limits(tmp_path, "{nodes = 6}") == Above(nodes=6)
    assert limits(tmp_path, "{}") == Above()


@pytest.mark.parametrize("text", ["{seats = -1}", "{hours = 'long'}", "{cores = 3}", "7"])
def test_what_is_no_limit_is_said_with_its_line(tmp_path, text):
    with pytest.raises(BadRequest, match=r"profiles.toml:5: profiles.large.approve_above"):
        limits(tmp_path, text)


def test_what_is_above_is_said_in_words():
    above = Above(seats=4, length=timedelta(hours=3), nodes=3)
    assert above.exceeded(4, timedelta(hours=3), 3) == ""
    assert (
        above.exceeded(5, timedelta(hours=3.5), 4)
        == "5 seats (more than 4), 3.5 h (more than 3), 4 nodes (more than 3)"
    )
    assert Above().exceeded(500, timedelta(days=9), 99) == ""
