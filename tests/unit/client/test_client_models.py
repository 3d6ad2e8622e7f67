"""The client's types and the API's models agree: what the client reads, the API tells."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from typing import get_args, get_type_hints

import pytest

from almanac.api import account_models, models
from almanac.client import models as known

TOLD = vars(models) | vars(account_models)
NAMED_OTHERWISE = {
    "SignIn": "SignedIn",
    "Flavor": "Node",
    "BookingPage": "Bookings",
    "SeatAddress": "Seat",
    "LedgerLine": "Line",
}
ASKED_OR_IN_DETAILS = {known.Request, known.Refusal, known.Alternative, known.Interval}
KINDS = {kind for kind in vars(known).values() if isinstance(kind, type) and is_dataclass(kind)} - ASKED_OR_IN_DETAILS
PAIRS = {kind: TOLD[NAMED_OTHERWISE.get(kind.__name__, kind.__name__)] for kind in KINDS}


@pytest.mark.parametrize("mine", sorted(PAIRS, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_the_api_tells_every_field_that_the_client_reads(mine):
    told = PAIRS[mine].model_fields
    assert {field.name for field in fields(mine)} <= set(told)


@pytest.mark.parametrize("mine", sorted(PAIRS, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_what_the_api_may_leave_empty_the_client_may_read_as_none(mine):
    hints = get_type_hints(mine)
    for name, field in PAIRS[mine].model_fields.items():
        if name in hints and type(None) in get_args(field.annotation):
            assert type(None) in get_args(hints[name]), name


def test_secrets_are_not_shown():
    seat = known.SeatAddress("seat-1", "http://127.0.0.1:1/lab?token=hush")
    connection = known.Connection("sc://localhost:1/;token=hush", (seat,), types.MappingProxyType({"A": "hush"}))
    assert "hush" not in repr((seat, connection, known.SignIn("hush", "ada")))
