"""What clouds answer, and what it means."""

from __future__ import annotations

from datetime import timedelta

import pytest

from almanac.core.ports import NoRoom, Permanent, Temporary
from almanac.sites.openstack.errors import error, parse

BLAZAR_FULL = '{"error_code": 500, "error_message": "Not enough hosts available", "error_name": 500}'
BLAZAR_DOWN = '{"error_code": 500, "error_message": "Internal Server Error", "error_name": "INTERNAL_SERVER_ERROR"}'
BLAZAR_FORBIDS = '{"error_code": 403, "error_message": "Policy doesn\'t allow blazar:leases:post to be performed"}'
BLAZAR_REFUSES = '{"error_code": 400, "error_message": "End date must be later than start date."}'
NOVA_QUOTA = (
    '{"forbidden": {"code": 403, "message": "Quota exceeded for cores: Requested 8, but already used 4 of 10 cores"}}'
)
NEUTRON_QUOTA = (
    '{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: [\'port\'].", "detail": ""}}'
)


@pytest.mark.parametrize(
    ("status", "text", "kind", "says"),
    [
        (500, BLAZAR_FULL, NoRoom, "Not enough hosts available"),
        (500, BLAZAR_DOWN, Temporary, "Internal Server Error"),
        (403, BLAZAR_FORBIDS, Permanent, "role 'member'"),
        (400, BLAZAR_REFUSES, Permanent, "End date must be later"),
        (403, NOVA_QUOTA, NoRoom, "already used 4 of 10"),
        (409, NEUTRON_QUOTA, NoRoom, "port"),
        (409, "{}", Temporary, "HTTP 409"),
        (401, "not even JSON", Temporary, "clouds.yaml"),
        (429, "", Temporary, "less often"),
        (503, "<html>", Temporary, "HTTP 503"),
    ],
)
def test_an_answer_means_one_of_three_things(status, text, kind, says):
    met = error(parse(status, text, {}), "reservation", "lease 2 of the flavor", "sky")
    assert type(met) is kind
    assert says in str(met)


@pytest.mark.parametrize(
    ("headers", "after"), [({"Retry-After": "7"}, timedelta(seconds=7)), ({}, None), ({"retry-after": "soon"}, None)]
)
def test_a_service_says_when_to_come_back(headers, after):
    assert error(parse(429, "", headers), "compute", "list servers", "sky").retry_after == after
