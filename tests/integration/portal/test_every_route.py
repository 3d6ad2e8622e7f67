"""What holds for every page there is, those to come included: nobody gets in without a session, and no form is forged."""

from __future__ import annotations

import re

from fastapi.routing import APIRoute

from almanac.portal.app import TOPICS

OPEN = {"/sign-in", "/sign-in/link"}
"""For who isn't signed in yet."""
ROUTES = sorted(
    {
        (method, route.path)
        for topic in TOPICS
        for route in topic.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
)
GUARDED = [(method, path) for method, path in ROUTES if path not in OPEN]


def filled(path: str) -> str:
    return re.sub(r"\{[a-z]+\}", "b-7k3m9q2x", path)


def test_what_is_open_is_there_and_nothing_else():
    assert {path for _, path in ROUTES} >= OPEN
    assert len(GUARDED) > 15


def test_without_a_session_there_is_only_the_way_to_sign_in(world):
    for method, path in GUARDED:
        answer = world.http.request(method, filled(path), headers={"Accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next=%2F"), path


def test_no_form_is_forged(ada):
    page = ada.see("/account").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    elsewhere = {"Origin": "https://evil.example"}
    for path in [path for method, path in GUARDED if method == "POST"]:
        for sent, headers in (({}, {}), ({"csrf": "0" * 64}, {}), ({"csrf": csrf}, elsewhere)):
            answer = ada.world.http.post(filled(path), data=sent, headers=headers, follow_redirects=False)
            assert answer.status_code == 403, path
            assert "That didn't work" in answer.text, path


def test_nothing_is_said_to_another_sites_scripts(world):
    elsewhere = {"Origin": "https://evil.example"}
    for method, path in ROUTES:
        answer = world.http.request(method, filled(path), headers=elsewhere, follow_redirects=False)
        assert "access-control-allow-origin" not in answer.headers, path
        assert answer.headers["x-frame-options"] == "DENY", path
        assert "script-src 'self'" in answer.headers["content-security-policy"], path
