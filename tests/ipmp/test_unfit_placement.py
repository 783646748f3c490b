"""Nothing goes where it cannot be held, and nothing waits for what cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rcmd.ipmp.rules.placement import Candidate, Fitness, Movable, placement

from .test_placement import (
    BOTH,
    BROKEN,
    NAMES,
    A,
    B,
    C,
    data,
    member,
    members_of_any_kind,
    movables_of_any_kind,
    possible,
    rehosted,
)

GONE = member("a", Fitness.ABSENT)


def unfit(movable: Movable, *names: str) -> Movable:
    return replace(movable, unfit=frozenset(names))


def route(key: str, home: str, *footing: str, source: str | None = None) -> Movable:
    """Whose gateway is reached only together with one of these."""
    off_link = frozenset(NAMES) if footing else frozenset()
    return replace(
        data(key, home, weight=0),
        rides=True,
        off_link=off_link,
        footing=frozenset(footing),
        source=source,
    )


def test_the_next_one_takes_what_one_cannot_hold() -> None:
    assert placement([unfit(data("x", "a"), "b")], [member("a", BROKEN), B, C]) == {"x": "c"}
    assert placement([unfit(data("x", "a"), "a")], [A, B, C]) == {"x": "b"}
    assert placement([unfit(data("x", "a", "b"), "a")], [A, B, C]) == {"x": "b"}


def test_a_crowd_stays_together_if_anybody_takes_all_of_it() -> None:
    # behaviour 59
    crowd = [data("x", "a"), unfit(data("y", "a"), "b")]
    assert placement(crowd, [member("a", BROKEN), B, C]) == {"x": "c", "y": "c"}


def test_and_is_divided_if_nobody_does() -> None:
    crowd = [data("x", "a"), unfit(data("y", "a"), "b", "c"), unfit(data("z", "a"), "b")]
    broken = member("a", BROKEN)
    assert placement(crowd, [broken, B]) == {"x": "b", "y": "a", "z": "a"}
    assert placement(crowd, [broken, B, C]) == {"x": "b", "y": "a", "z": "c"}


def test_what_is_nowhere_does_not_go_where_it_cannot_be_held() -> None:
    assert placement([unfit(data("x", "a", None), "a", "b")], [A, B]) == {"x": None}
    assert placement([unfit(data("x", "a"), "b")], [GONE, member("b", BROKEN)]) == {"x": None}
    assert placement([unfit(data("x", "a"), "b")], [GONE, B, member("c", BROKEN)]) == {"x": "c"}


def test_a_standby_keeps_what_nobody_else_can_hold() -> None:
    # behaviours 21, 22
    standby = member("s", standby=True)
    assert placement([unfit(data("x", "s"), "a")], [A, standby]) == {"x": "s"}


def test_a_route_goes_where_what_leads_to_its_gateway_goes() -> None:
    broken = member("a", BROKEN)
    crowd = [route("r", "a", "x"), unfit(data("x", "a"), "b"), data("y", "a")]
    assert placement(crowd, [broken, B, C]) == {"r": "c", "x": "c", "y": "c"}
    # Alone, it has nothing to stand on anywhere else.
    assert placement([route("r", "a", "x")], [broken, B, C]) == {"r": "a"}
    assert placement([route("r", "a", "x")], [GONE, B, C]) == {"r": None}


def test_a_route_needs_its_source_on_whichever_member() -> None:
    broken = member("a", BROKEN)
    crowd = [route("r", "a", source="x"), data("x", "b")]
    assert placement(crowd, [broken, B, C])["r"] in ("b", "c")
    crowd[1] = unfit(data("x", "b", None), *NAMES)
    assert placement(crowd, [broken, B, C]) == {"r": "a", "x": None}


names = st.frozensets(st.sampled_from(NAMES))


@st.composite
def movables_that_do_not_fit(draw: st.DrawFn) -> list[Movable]:
    """Some members cannot hold some of them; some stand on others."""
    plain = [replace(it, unfit=draw(names)) for it in draw(movables_of_any_kind)]
    keys = [it.key for it in plain]
    if not keys:
        return plain
    some = st.frozensets(st.sampled_from(keys), max_size=2)
    source = st.sampled_from([*keys, None])
    routes = [
        replace(
            it,
            key=("route", it.key),
            off_link=draw(names),
            footing=draw(some),
            source=draw(source),
            weight=0,
        )
        for it in plain[: draw(st.integers(0, 3))]
    ]
    return [*plain, *routes]


def fits(movable: Movable, name: str, placed: Mapping[object, str | None]) -> bool:
    if name in movable.unfit:
        return False
    if movable.source is not None and placed[movable.source] is None:
        return False
    has_footing = any(placed[key] == name for key in movable.footing)
    return name not in movable.off_link or has_footing


@given(movables_that_do_not_fit(), members_of_any_kind)
def test_what_moves_goes_where_it_fits(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    movables = _closed(possible(movables, members))
    placed = placement(movables, members)
    families = {it.name: it.families for it in members}
    for movable in movables:
        target = placed[movable.key]
        if target is not None and target != movable.host:
            assert fits(movable, target, placed)
            assert movable.family in families[target]


@given(movables_that_do_not_fit(), members_of_any_kind)
def test_what_nobody_can_hold_stays_or_is_nowhere(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    movables = [replace(it, unfit=frozenset(NAMES)) for it in _closed(possible(movables, members))]
    fitness = {it.name: it.fitness for it in members}
    placed = placement(movables, members)
    for movable in movables:
        host = movable.host
        is_there = host is not None and fitness[host] >= Fitness.CLOSED
        assert placed[movable.key] == (host if is_there else None)


@given(movables_that_do_not_fit(), members_of_any_kind)
def test_nothing_stays_where_it_does_not_fit_while_one_could_take_it(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    """Whatever becomes of the others of its crowd."""
    movables = [it for it in possible(movables, members) if not it.is_dependent]
    takers = {
        it.name
        for it in members
        if it.fitness is Fitness.USABLE and it.families == BOTH and not it.is_standby
    }
    fitness = {it.name: it.fitness for it in members}
    placed = placement(movables, members)
    for movable in movables:
        target = placed[movable.key]
        if takers - movable.unfit:
            assert target is not None
            assert target not in movable.unfit
            assert fitness[target] >= Fitness.UNPROVEN


@given(movables_that_do_not_fit(), members_of_any_kind)
def test_it_comes_to_rest(movables: list[Movable], members: tuple[Candidate, ...]) -> None:
    """Once everything is where it should be, nothing has to move."""
    settled = rehosted(_closed(possible(movables, members)), members)
    assert rehosted(settled, members) == settled


@given(movables_of_any_kind, members_of_any_kind)
def test_whom_others_cannot_be_held_by_is_nobody_s_concern(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    """That is: a member that is not there is unfit, and nothing changes."""
    movables = possible(movables, members)
    absent = [it.name for it in members if it.fitness is Fitness.ABSENT]
    marked = [unfit(it, *absent) for it in movables]
    assert placement(marked, members) == placement(movables, members)


def _closed(movables: Sequence[Movable]) -> list[Movable]:
    """What others stand on is among them."""
    keys = {it.key for it in movables}
    return [
        replace(
            it,
            footing=it.footing & keys,
            source=it.source if it.source in keys else None,
        )
        for it in movables
    ]
