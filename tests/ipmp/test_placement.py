"""Where every address lives: the rules one by one, then what holds for any group whatever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rcmd.ipmp.rules.placement import Candidate, Fitness, Movable, placement
from rcmd.model.network import Family

V4 = frozenset({Family.IPV4})
BOTH = frozenset(Family)


def member(
    name: str,
    fitness: Fitness = Fitness.USABLE,
    families: frozenset[Family] = V4,
    *,
    standby: bool = False,
    spare: bool = False,
) -> Candidate:
    return Candidate(name, fitness, families, is_standby=standby, is_spare=spare)


def data(
    key: str,
    home: str,
    host: str | None = "",
    *,
    recall: str | None = "",
    family: Family = Family.IPV4,
    weight: int = 1,
) -> Movable:
    """At home and called home, unless said otherwise."""
    return Movable(
        key,
        family,
        home,
        home if host == "" else host,
        home if recall == "" else recall,
        weight,
    )


A, B, C = member("a"), member("b"), member("c")
BROKEN = Fitness.BROKEN


def test_what_is_well_placed_stays() -> None:
    assert placement([data("x", "a"), data("y", "b")], [A, B]) == {"x": "a", "y": "b"}


def test_routes_that_are_left_behind_go_where_their_addresses_went() -> None:
    """Many routes come after the addresses, and by then somebody else may have less to carry."""
    route = replace(data("route", "a", weight=0), rides=True)
    broken = replace(A, fitness=BROKEN)
    gone = [data("x", "a", "b"), data("y", "b")]
    assert placement([*gone, route], [broken, B, C])["route"] == "b"
    assert placement([route], [broken, B, C])["route"] == "b"
    assert placement([data("y", "b"), route], [broken, B, C])["route"] == "c"
    # Together with an address they go where that goes (behaviour 64).
    late = data("late", "a")
    assert placement([*gone, late, route], [broken, B, C])["route"] == "c"


def test_a_new_address_goes_home() -> None:
    assert placement([data("x", "a", None)], [A, B]) == {"x": "a"}


def test_a_new_address_may_go_to_an_unproven_home() -> None:
    unproven = member("a", Fitness.UNPROVEN)
    assert placement([data("x", "a", None)], [unproven, B]) == {"x": "a"}


def test_an_unproven_interface_calls_nothing_back() -> None:
    # behaviour 122
    unproven = member("a", Fitness.UNPROVEN)
    assert placement([data("x", "a", "b")], [unproven, B]) == {"x": "b"}


def test_a_usable_interface_calls_its_own_back_and_nothing_else() -> None:
    # behaviour 69
    moved = [data("x", "a", "c"), data("y", "b", "c")]
    assert placement(moved, [A, member("b", BROKEN), C]) == {"x": "a", "y": "c"}


def test_without_recall_it_stays_away() -> None:
    # behaviour 70
    assert placement([data("x", "a", "b", recall=None)], [A, B]) == {"x": "b"}


def test_everything_of_one_source_goes_to_one_destination() -> None:
    # behaviour 59
    crowd = [data(key, "a") for key in "wxyz"]
    assert set(placement(crowd, [member("a", BROKEN), B, C]).values()) == {"b"}


def test_two_sources_go_to_two_destinations() -> None:
    # behaviour 64
    movables = [data("x", "a"), data("y", "b")]
    members = [member("a", BROKEN), member("b", BROKEN), C, member("d")]
    assert placement(movables, members) == {"x": "c", "y": "d"}


def test_the_least_loaded_takes_it_and_what_is_down_is_no_load() -> None:
    # behaviour 64
    movables = [data("x", "a"), data("y", "b"), data("z", "c", weight=0)]
    assert placement(movables, [member("a", BROKEN), B, C])["x"] == "c"


def test_a_tie_goes_to_the_first_configured() -> None:
    # behaviour 64
    assert placement([data("x", "a")], [member("a", BROKEN), B, C]) == {"x": "b"}
    assert placement([data("x", "a")], [C, member("a", BROKEN), B]) == {"x": "c"}


def test_an_inactive_standby_comes_first() -> None:
    # behaviour 26
    members = [member("a", BROKEN), B, member("s", standby=True)]
    assert placement([data("x", "a")], members) == {"x": "s"}


def test_a_spare_serves_like_a_standby() -> None:
    # behaviour 70
    members = [member("a", BROKEN), B, member("s", spare=True)]
    assert placement([data("x", "a")], members) == {"x": "s"}


def test_a_standby_in_use_competes_by_load() -> None:
    # behaviour 25
    members = [member("a", BROKEN), B, member("s", standby=True), member("d", BROKEN)]
    movables = [data("x", "a"), data("y", "d", "s"), data("z", "d", "s")]
    assert placement(movables, members)["x"] == "b"


def test_a_destination_has_every_family_that_is_leaving() -> None:
    # behaviour 65
    crowd = [data("x", "a"), data("y", "a", family=Family.IPV6)]
    members = [member("a", BROKEN), B, member("c", families=BOTH)]
    assert placement(crowd, members) == {"x": "c", "y": "c"}
    assert placement(crowd, members[:2]) == {"x": "a", "y": "a"}


def test_a_closed_interface_is_emptied_and_takes_nothing() -> None:
    # behaviours 65, 79
    closed = member("a", Fitness.CLOSED)
    assert placement([data("x", "a"), data("y", "b")], [closed, B]) == {"x": "b", "y": "b"}
    assert placement([data("x", "b")], [closed, member("b", BROKEN)]) == {"x": "b"}


def test_without_destination_it_stays() -> None:
    # behaviours 66, 73
    members = [member("a", BROKEN), member("b", BROKEN)]
    assert placement([data("x", "a", "b")], members) == {"x": "b"}


def test_what_is_nowhere_takes_even_a_broken_one() -> None:
    gone = member("a", Fitness.ABSENT)
    assert placement([data("x", "a")], [gone, member("b", BROKEN)]) == {"x": "b"}
    assert placement([data("x", "a", None)], [member("a", BROKEN)]) == {"x": "a"}
    assert placement([data("x", "a")], [gone]) == {"x": None}


def test_what_is_nowhere_does_not_go_where_it_would_have_to_leave() -> None:
    closed = member("b", Fitness.CLOSED)
    assert placement([data("x", "a")], [member("a", Fitness.ABSENT), closed]) == {"x": None}


def test_a_standby_does_not_keep_its_own() -> None:
    # behaviours 21, 22
    standby = member("s", standby=True)
    assert placement([data("x", "s")], [A, standby]) == {"x": "a"}
    assert placement([data("x", "s")], [member("a", BROKEN), standby]) == {"x": "s"}


def test_no_standby_takes_what_another_may_not_keep() -> None:
    # behaviour 22
    members = [member("a", BROKEN), B, member("s", standby=True), member("t", standby=True)]
    placed = placement([data("x", "a"), data("y", "s", "a")], members)
    assert placed == {"x": "s", "y": "b"}


def test_a_standby_keeps_what_it_holds_for_others() -> None:
    # behaviour 24
    members = [member("a", BROKEN), B, member("s", standby=True)]
    assert placement([data("x", "a", "s")], members) == {"x": "s"}


NAMES = ("a", "b", "c", "d")
members_of_any_kind = st.tuples(
    *(
        st.builds(
            Candidate,
            st.just(name),
            st.sampled_from(Fitness),
            st.sampled_from([V4, frozenset({Family.IPV6}), BOTH]),
            st.booleans(),
            st.booleans(),
        )
        for name in NAMES
    )
)
name_or_none = st.sampled_from([*NAMES, None])
movables_of_any_kind = st.lists(
    st.builds(
        Movable,
        st.integers(0, 50),
        st.sampled_from(Family),
        st.sampled_from(NAMES),
        name_or_none,
        name_or_none,
        st.integers(0, 1),
        # What somebody calls home is never moved only to even out the load.
        st.just(False),
    ),
    unique_by=lambda movable: movable.key,
    max_size=8,
)


def rehosted(movables: Sequence[Movable], members: Sequence[Candidate]) -> list[Movable]:
    placed = placement(movables, members)
    return [replace(movable, host=placed[movable.key]) for movable in movables]


def possible(movables: Sequence[Movable], members: Sequence[Candidate]) -> list[Movable]:
    """Nothing lives on, belongs to, or is called to a member without its family."""
    families = {candidate.name: candidate.families for candidate in members}
    return [
        movable
        for movable in movables
        if all(
            name is None or movable.family in families[name]
            for name in (movable.home, movable.host, movable.recall)
        )
    ]


@given(movables_of_any_kind, members_of_any_kind)
def test_everything_is_placed_and_nothing_on_what_is_not_there(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    movables = possible(movables, members)
    placed = placement(movables, members)
    assert set(placed) == {movable.key for movable in movables}
    absent = {it.name for it in members if it.fitness is Fitness.ABSENT}
    assert not absent & set(placed.values())


@given(movables_of_any_kind, members_of_any_kind)
def test_it_comes_to_rest(movables: list[Movable], members: tuple[Candidate, ...]) -> None:
    """Once everything is where it should be, nothing has to move."""
    settled = rehosted(possible(movables, members), members)
    assert rehosted(settled, members) == settled


@given(movables_of_any_kind, members_of_any_kind)
def test_nothing_stays_on_a_broken_member_while_one_could_take_all(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    movables = possible(movables, members)
    can_take_all = [
        it
        for it in members
        if it.fitness is Fitness.USABLE and it.families == BOTH and not it.is_standby
    ]
    if not can_take_all:
        return
    fit = {it.name for it in members if it.fitness >= Fitness.UNPROVEN}
    assert set(placement(movables, members).values()) <= fit


@given(movables_of_any_kind, members_of_any_kind)
def test_the_same_question_has_the_same_answer(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    assert placement(movables, members) == placement(list(movables), tuple(members))


def test_what_found_only_a_last_resort_is_in_nobody_s_way() -> None:
    """The IPv6 address may not go to standby a, so the two cannot go together; apart they can."""
    members = [
        member("a", Fitness.UNKNOWN, BOTH, standby=True),
        member("b", Fitness.CLOSED, BOTH, standby=True),
        member("c", Fitness.UNKNOWN, frozenset({Family.IPV6})),
    ]
    crowd = [data("x", "b", None, family=Family.IPV6), data("y", "a", "b", recall="b")]
    assert placement(crowd, members) == {"x": "c", "y": "a"}


def membership(key: str, home: str, host: str | None = "", **more: Family) -> Movable:
    return replace(data(key, home, host, weight=0, **more), follows=True)


def test_a_membership_goes_where_the_addresses_go() -> None:
    # behaviour 62
    members = [member("a", BROKEN), B, member("c", standby=True)]
    crowd = [membership("m", "a"), data("x", "a")]
    assert placement(crowd, members) == {"m": "c", "x": "c"}


def test_a_membership_of_another_family_does_not_hold_the_addresses() -> None:
    # behaviour 65
    members = [member("a", BROKEN, BOTH), B, member("c", families=BOTH)]
    six = membership("m", "a", family=Family.IPV6)
    assert placement([data("x", "a"), six], members) == {"x": "b", "m": "c"}
    assert placement([data("x", "a"), six], members[:2]) == {"x": "b", "m": "a"}


def test_memberships_go_alone_where_addresses_cannot() -> None:
    members = [member("a", BROKEN, BOTH), B]
    six = data("x", "a", family=Family.IPV6)
    assert placement([six, membership("m", "a")], members) == {"x": "a", "m": "b"}


def test_a_membership_rests_on_a_standby_and_makes_it_no_busier() -> None:
    # behaviours 21, 26
    standby = member("c", standby=True)
    assert placement([membership("m", "c")], [A, B, standby]) == {"m": "c"}
    crowd = [membership("m", "c"), data("x", "a")]
    assert placement(crowd, [member("a", BROKEN), B, standby]) == {"m": "c", "x": "c"}


@given(movables_of_any_kind, members_of_any_kind)
def test_a_membership_changes_nothing_for_anything_else(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    movables = possible(movables, members)
    leading = [movable for movable in movables if not movable.follows]
    placed = placement(movables, members)
    assert {it.key: placed[it.key] for it in leading} == placement(leading, members)
