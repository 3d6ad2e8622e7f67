from __future__ import annotations

import pytest

from almanac.cli.using import added


@pytest.mark.parametrize(
    ("before", "after", "fresh"),
    [
        ("", "", ""),
        ("", "a\nb", "a\nb"),
        ("a\nb", "a\nb", ""),
        ("a\nb", "a\nb\nc", "c"),
        ("a\nb\nc", "b\nc\nd\ne", "d\ne"),
        ("a\na\na", "a\na\na\na", "a"),
        ("a\nb", "c\nd", "c\nd"),
    ],
)
def test_only_what_is_new_of_a_growing_log(before, after, fresh):
    assert added(before, after) == fresh
