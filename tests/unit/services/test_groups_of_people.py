from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from almanac.services.caller import Role
from almanac.services.groups import Changes, GroupRole, changes, roles_of

MEMBER, LEAD = Role.MEMBER, Role.LEAD
MAPPING = (GroupRole("staff", "gaia", MEMBER), GroupRole("chairs", "gaia", LEAD), GroupRole("staff", "gone", LEAD))
ROLES = st.dictionaries(st.sampled_from(["gaia", "euclid", "ska"]), st.sampled_from([MEMBER, LEAD]))


def test_groups_give_the_highest_role_in_projects_that_are_there():
    assert roles_of({"staff", "chairs", "others"}, MAPPING, {"gaia"}) == {"gaia": LEAD}
    assert roles_of({"staff"}, MAPPING, {"gaia"}) == {"gaia": MEMBER}
    assert roles_of({"others"}, MAPPING, {"gaia"}) == {}


def test_who_joins_a_group_is_let_in_and_who_leaves_it_is_taken_out():
    assert changes({"gaia": MEMBER}, {}, {}) == Changes({"gaia": MEMBER}, frozenset(), {"gaia": MEMBER})
    assert changes({}, {"gaia": "member"}, {"gaia": "member"}) == Changes({}, frozenset({"gaia"}), {})
    assert changes({"gaia": LEAD}, {"gaia": "member"}, {"gaia": "member"}).let_in == {"gaia": LEAD}


def test_what_people_decided_by_hand_stays():
    assert changes({}, {}, {"gaia": "member"}) == Changes({}, frozenset(), {})
    assert changes({"gaia": LEAD}, {}, {"gaia": "member"}) == Changes({}, frozenset(), {})
    assert changes({}, {"gaia": "member"}, {"gaia": "lead"}) == Changes({}, frozenset(), {})


@given(wanted=ROLES, mapped=ROLES, present=ROLES)
def test_a_second_sign_in_with_the_same_groups_changes_nothing(wanted, mapped, present):
    first = changes(wanted, mapped, present)
    after = {project: role for project, role in present.items() if project not in first.taken_out} | first.let_in
    assert changes(wanted, first.mapped, after) == Changes({}, frozenset(), first.mapped)
    assert set(wanted) <= set(after)
    by_hand = {project: role for project, role in present.items() if mapped.get(project) != role}
    assert by_hand.items() <= after.items()
