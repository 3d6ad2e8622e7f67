"""Which site a request goes to, and the words that say why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from almanac.core.choosing import Choice, Standing, Terms
from almanac.core.resources import Flavor, NodeGroup, Resources

MINUTE = timedelta(minutes=1)
SKY, CAVE = Standing("sky"), Standing("cave")


def test_a_price_goes_by_flavor_and_otherwise_by_cores():
    groups = (
        NodeGroup("head", Flavor("head", Resources(2, 4096)), 1),
        NodeGroup("worker", Flavor("big", Resources(8, 32768)), 3),
    )
    assert Terms().price(groups) == 0
    assert Terms(core_hour=0.01).price(groups) == 0.26
    assert Terms({"big": 0.5}, core_hour=0.01).price(groups) == 1.52


def test_nothing_to_choose_needs_no_reason():
    assert Choice((SKY,)).sites == ("sky",)
    assert Choice((SKY,)).why("sky") == ""


def test_the_wish_is_reason_enough():
    assert Choice((SKY,), wish="sky").why("sky") == "you asked for it"


@pytest.mark.parametrize(
    ("worse", "better", "gain", "lack"),
    [
        ({"refusal": "has no room then"}, {}, "sky has no room then", "sky has no room then"),
        ({"answers": False}, {}, "sky doesn't answer at present", "it doesn't answer at present"),
        ({"has_data": False}, {}, "it has the data gaia-dr3", "it lacks the data gaia-dr3, which cave has"),
        ({"late": 5 * MINUTE}, {}, "it can start 5 min sooner than sky", "it starts 5 min later than cave"),
        (
            {"reserved": False},
            {},
            "it is reserved there, at sky only best effort",
            "it is best effort, not reserved as at cave",
        ),
        (
            {"price": 1.5},
            {"price": 1.25},
            "it is cheaper than sky by 0.25 an hour",
            "it is dearer than cave by 0.25 an hour",
        ),
        ({}, {}, "it comes first in the operator's order", "it comes after sky in the operator's order"),
    ],
)
def test_what_tells_two_sites_apart(worse, better, gain, lack):
    choice = Choice((replace(SKY, **worse), replace(CAVE, **better)), data="gaia-dr3")
    best, other = ("cave", "sky") if worse else ("sky", "cave")
    assert choice.ranked[0].site == best
    assert choice.why(best) == gain
    assert choice.why(other) == lack


def test_the_criteria_come_one_after_the_other():
    """Each site is the best in all but one thing, the n-th; in whatever order they are named, that decides."""
    best = Standing("best", price=1)
    spoilt = [
        Standing("dear", price=9),
        Standing("unreserved", reserved=False),
        Standing("late", late=MINUTE),
        Standing("far", has_data=False),
        Standing("silent", answers=False),
        Standing("full", refusal="has no room then"),
    ]
    for order in permutations([best, *spoilt[:3]]):
        names = [standing.site for standing in Choice((*order, *reversed(spoilt[3:]))).ranked]
        assert names == ["best", "dear", "unreserved", "late", "far", "silent", "full"]


def test_a_site_that_refuses_is_no_choice_any_more():
    choice = Choice((SKY, CAVE)).refused("sky", "has no room then")
    assert choice.sites == ("cave",)
    assert choice.why("cave") == "sky has no room then"
    assert choice.refused("cave", "has no grant").sites == ()


def test_a_start_put_off_by_seconds_is_no_drawback():
    choice = Choice((replace(SKY, late=timedelta(seconds=40), price=1), replace(CAVE, price=2)))
    assert choice.sites == ("sky", "cave")
