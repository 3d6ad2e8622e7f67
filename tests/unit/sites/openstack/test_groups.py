"""A flavor's leases brought to what is wanted, where Blazar refuses what a real one rarely does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import stamina

from almanac.core.ports import NoRoom, Permanent, Temporary
from almanac.core.windows import Window
from almanac.sites.openstack.blazar import BlazarLease, Busy
from almanac.sites.openstack.groups import Group, end

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def span(start, until):
    return Window(NOW + start * MINUTE, NOW + until * MINUTE)


def lease(start, until, amount=2, started=False, **facts):
    status = "ACTIVE" if started else "PENDING"
    whole = BlazarLease("old", "n", span(start, until), status, "r", "flavor:instance", amount, started, True)
    return replace(whole, **facts)


class Stage:
    """Blazar's part: it has room or not, and does what it is told.

    Its creates that find room meet ``after`` one by one: a trouble, and whether the lease was made nevertheless.
    """

    def __init__(self, parts, room=100, immovable=None, busy=0, after=()):
        self.busy = busy
        self.after = list(after)
        self.there = list(parts)
        self.room = room
        self.immovable = immovable
        self.said = []

    def create(self, window, amount):
        self.said.append(("create", window, amount))
        if amount + sum(one.amount for one in self.there if one.window.overlaps(window)) > self.room:
            raise NoRoom("Not enough hosts available")
        made = lease(0, 1, amount, id=f"new-{len(self.said)}", window=window)
        trouble, kept = self.after.pop(0) if self.after else (None, True)
        if kept:
            self.there.append(made)
        if trouble is not None:
            raise trouble
        return made

    def leases(self, _now):
        return tuple(self.there)

    def move(self, moved, window, _now):
        self.said.append(("move", window, moved.amount))
        if self.immovable is not None:
            raise self.immovable
        self.there[self.there.index(moved)] = longer = replace(moved, window=window)
        return longer

    def delete(self, gone):
        self.said.append(("delete", gone))
        self.busy -= 1
        if self.busy >= 0:
            raise Busy("just now")
        if gone == "half":
            raise Temporary("Internal Server Error")
        self.there = [one for one in self.there if one.id != gone]

    def converge(self, window, amount, occupied=None):
        known = occupied if occupied is None else lambda: occupied
        Group(self, self.create, [], lambda: NOW, known).converge(tuple(self.there), window, amount)
        return sorted((one.window, one.amount) for one in self.there)


def test_what_is_as_wanted_is_left_alone():
    stage = Stage([lease(60, 120)])
    assert stage.converge(span(60, 120), 2) == [(span(60, 120), 2)]
    assert stage.said == []


def test_a_future_lease_is_replaced_and_the_new_one_comes_first():
    stage = Stage([lease(60, 120)])
    assert stage.converge(span(60, 180), 3) == [(span(60, 180), 3)]
    assert [what for what, *_ in stage.said] == ["create", "delete"]


def test_where_both_have_no_room_the_old_makes_room():
    stage = Stage([lease(60, 120)], room=3)
    assert stage.converge(span(60, 180), 3) == [(span(60, 180), 3)]
    assert [what for what, *_ in stage.said] == ["create", "delete", "create"]


def test_what_can_not_be_replaced_is_made_again():
    stage = Stage([lease(60, 120)], room=3)
    with pytest.raises(NoRoom):
        stage.converge(span(60, 180), 4)
    assert [(one.window, one.amount) for one in stage.there] == [(span(60, 120), 2)]


@pytest.mark.parametrize("kept", [False, True])
def test_what_was_given_back_for_nothing_is_made_again_once_though_blazar_stumbles(kept):
    refused = Temporary("Failed to create resource class")
    stage = Stage([lease(60, 120)], room=3, after=[(refused, kept), (refused, kept)])
    with stamina.set_testing(True, attempts=5), pytest.raises(NoRoom):
        stage.converge(span(60, 180), 4)
    assert [(one.window, one.amount) for one in stage.there] == [(span(60, 120), 2)]


def test_what_can_not_be_made_again_is_trouble_and_not_a_refusal():
    stage = Stage([lease(60, 120)], room=3, after=[(Temporary("Blazar does not answer."), False)] * 100)
    with stamina.set_testing(True, attempts=5), pytest.raises(Temporary, match="does not answer"):
        stage.converge(span(60, 180), 4)


def test_a_running_lease_that_can_not_be_lengthened_is_followed_by_another():
    for refusal in (NoRoom("Not enough hosts available"), Permanent("Lease is longer than allowed")):
        stage = Stage([lease(-60, 30, started=True)], immovable=refusal)
        assert stage.converge(span(-60, 90), 2) == [(span(-60, 30), 2), (span(31, 90), 2)]
        stage.said.clear()
        stage.converge(span(-60, 90), 2)
        assert stage.said == []


def test_a_running_lease_grows_by_another_beside_it_from_this_minute():
    stage = Stage([lease(-60, 30, started=True)])
    assert stage.converge(span(-60, 30), 5) == [(span(-60, 30), 2), (span(0, 30), 3)]


def test_a_running_lease_that_is_longer_and_larger_is_both():
    stage = Stage([lease(-60, 30, started=True)])
    assert stage.converge(span(-60, 60), 3) == [(span(-60, 60), 2), (span(0, 60), 1)]


def test_a_chain_is_shortened_at_its_end():
    stage = Stage([lease(-60, 30, started=True), lease(31, 90, id="next")])
    assert stage.converge(span(-60, 20), 2) == [(span(-60, 20), 2)]


def test_what_is_being_made_is_waited_for():
    with pytest.raises(Temporary, match="still making"):
        Stage([lease(60, 120, whole=False)]).converge(span(60, 120), 2)


def test_what_is_broken_or_over_or_elsewhere_is_ended_and_made_anew():
    broken = lease(60, 120, trouble="Blazar shows the lease in ERROR.", id="broken")
    over, past = lease(60, 120, status="TERMINATED", id="over"), lease(-90, -30, id="past")
    stage = Stage([broken, over, past])
    assert stage.converge(span(60, 120), 2) == [(span(60, 120), 2)]


def test_what_blazar_made_only_half_and_keeps_hinders_nobody():
    half = lease(60, 120, whole=False, trouble="Blazar has left the lease in CREATING.", id="half")
    stage = Stage([half])
    stage.converge(span(60, 120), 2)
    assert [one.id for one in stage.there] == ["half", "new-2"]


def test_a_lease_that_starts_just_now_is_ended_a_moment_later():
    stage = Stage([lease(60, 120)], busy=2)
    end(stage, stage.there)
    assert (stage.there, len(stage.said)) == ([], 3)


def test_other_trouble_at_the_end_is_trouble():
    with pytest.raises(Temporary):
        end(Stage([]), [lease(60, 120, id="half")])


def grown():
    """A lease that runs, and what was added when its cluster grew."""
    more = lease(-10, 60, amount=1, started=True, id="more", reservation="r-more")
    return Stage([lease(-60, 60, started=True, reservation="r-first"), more])


@pytest.mark.parametrize(
    ("amount", "occupied", "left"),
    [
        (2, {"r-first"}, ["old"]),
        (2, {"r-first", "r-more"}, ["old", "more"]),
        (3, {"r-first"}, ["old", "more"]),
        (1, {"r-more"}, ["more"]),
        (2, {"r-more"}, ["old", "more"]),
        (2, None, ["old", "more"]),
    ],
)
def test_what_a_cluster_that_shrank_left_is_given_back_while_the_rest_runs(amount, occupied, left):
    stage = grown()
    stage.converge(span(-60, 60), amount, occupied)
    assert [one.id for one in stage.there] == left


def test_what_follows_a_lease_is_no_surplus():
    stage = Stage([lease(-60, 30, started=True, reservation="r"), lease(31, 90, id="next", reservation="r-next")])
    stage.converge(span(-60, 90), 2, {"r"})
    assert [one.id for one in stage.there] == ["old", "next"]
