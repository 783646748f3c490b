"""What a group shares: dealt out one by one, evened out, and left alone otherwise."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rcmd.ipmp.rules.placement import Candidate, Fitness, Movable, placement
from rcmd.model.network import Family

from .test_placement import (
    BOTH,
    BROKEN,
    NAMES,
    V4,
    A,
    B,
    C,
    data,
    member,
    name_or_none,
    rehosted,
)

V6 = frozenset({Family.IPV6})


def shared(
    key: str,
    host: str | None = None,
    *,
    family: Family = Family.IPV4,
    recall: str | None = None,
    failback: bool = True,
) -> Movable:
    return Movable(key, family, "", host, recall, evens_out=failback)


def crowd(**hosts: str) -> list[Movable]:
    """`crowd(a="xy", b="z")`: x and y are on a, z is on b."""
    return [shared(key, host) for host, keys in hosts.items() for key in keys]


def layout(movables: Sequence[Movable], members: Sequence[Candidate]) -> dict[str | None, str]:
    """Where everything is: host -> keys."""
    found: dict[str | None, str] = {}
    for key, host in placement(movables, members).items():
        found[host] = found.get(host, "") + str(key)
    return found


def test_they_are_dealt_out_one_by_one() -> None:
    assert layout([shared(key) for key in "vwxyz"], [A, B, C]) == {"a": "vy", "b": "wz", "c": "x"}


def test_those_at_home_count() -> None:
    at_home = [data("h", "a"), data("i", "a"), data("down", "b", weight=0)]
    assert layout([*at_home, shared("x"), shared("y")], [A, B]) == {"a": "hi", "b": "downxy"}


def test_what_leaves_one_goes_to_several() -> None:
    movables = crowd(a="wxyz", b="u", c="v")
    assert layout(movables, [member("a", BROKEN), B, C]) == {"b": "uwy", "c": "vxz"}


def test_a_repaired_one_gets_the_last_to_come() -> None:
    movables = [*crowd(b="tu", c="vw"), *crowd(b="x", c="y")]
    assert layout(movables, [A, B, C]) == {"b": "tu", "c": "vw", "a": "xy"}


def test_a_difference_of_one_is_even() -> None:
    assert layout(crowd(a="xy", b="z"), [A, B]) == {"a": "xy", "b": "z"}


def test_without_failback_nothing_is_evened_out() -> None:
    movables = [shared(key, "b", failback=False) for key in "xyz"]
    assert layout(movables, [A, B]) == {"b": "xyz"}
    spare = member("a", spare=True)
    assert layout(movables, [spare, member("b", BROKEN)]) == {"a": "xyz"}


def test_no_standby_while_another_is_usable() -> None:
    standby = member("s", standby=True)
    assert layout([shared("x"), shared("y")], [standby, A]) == {"a": "xy"}
    assert layout(crowd(a="x"), [member("a", BROKEN), standby]) == {"s": "x"}
    assert layout(crowd(s="x"), [A, standby]) == {"a": "x"}
    # Whoever is used by failover counts as one, too.
    homed = data("h", "a", "s")
    assert layout([homed, *crowd(a="x")], [member("a", BROKEN), B, standby]) == {"s": "h", "b": "x"}


def test_a_spare_calls_nothing_off_a_standby() -> None:
    members = [member("a", spare=True), member("s", standby=True)]
    assert layout([shared("x", "s", failback=False)], members) == {"s": "x"}
    assert layout([shared("x", "s")], members) == {"a": "x"}


def test_standbys_share_evenly_among_themselves() -> None:
    members = [member("a", BROKEN), member("s", standby=True), member("t", standby=True)]
    assert layout(crowd(a="wxyz"), members) == {"s": "wy", "t": "xz"}
    assert layout(crowd(s="wxyz"), members) == {"s": "wx", "t": "yz"}


def test_families_are_respected() -> None:
    six = member("c", families=V6)
    movables = [*crowd(a="wxyz"), shared("s", "a", family=Family.IPV6)]
    assert layout(movables, [member("a", families=BOTH), six]) == {"a": "wxyz", "c": "s"}
    assert layout([shared("s", family=Family.IPV6)], [A, B]) == {None: "s"}


def test_of_whom_nothing_is_known_comes_later() -> None:
    unknown = member("b", Fitness.UNKNOWN)
    assert layout([shared("x"), shared("y")], [unknown, A]) == {"a": "xy"}
    assert layout(crowd(a="xyz"), [A, unknown]) == {"a": "xyz"}
    assert layout(crowd(b="xyz"), [A, unknown]) == {"b": "xy", "a": "z"}
    assert layout(crowd(a="xyz"), [member("a", Fitness.UNKNOWN), unknown]) == {"a": "xy", "b": "z"}


def test_an_unproven_one_attracts_nothing_and_keeps_what_it_has() -> None:
    unproven = member("b", Fitness.UNPROVEN)
    assert layout([*crowd(a="xyz"), shared("new")], [A, unproven]) == {"a": "xyznew"}
    assert layout(crowd(b="xyz"), [A, unproven]) == {"b": "xyz"}


def test_who_is_taken_on_trust_evens_out_nothing() -> None:
    trusted = replace(B, is_on_trust=True)
    assert layout(crowd(a="wxyz"), [A, trusted]) == {"a": "wxyz"}
    assert layout(crowd(a="wxyz"), [member("a", BROKEN), trusted]) == {"b": "wxyz"}


def test_at_boot_new_ones_go_also_to_those_who_wait_for_their_link() -> None:
    awaited = replace(member("b", Fitness.UNPROVEN), is_awaited=True)
    assert layout([shared("x"), shared("y")], [A, awaited]) == {"a": "x", "b": "y"}
    assert layout(crowd(c="xy"), [A, awaited, member("c", BROKEN)]) == {"a": "xy"}


def test_with_nobody_usable_they_stay_and_what_is_nowhere_is_spread() -> None:
    members = [member("a", BROKEN), member("b", BROKEN)]
    assert layout(crowd(a="xyz"), members) == {"a": "xyz"}
    assert layout([shared("x"), shared("y")], members) == {"a": "x", "b": "y"}
    assert layout([shared("x")], [member("a", Fitness.CLOSED)]) == {None: "x"}


def test_what_is_called_back_stays_there() -> None:
    movables = [shared(key, "b", recall="a") for key in "wxyz"]
    assert layout(movables, [A, B]) == {"a": "wxyz"}
    assert layout([shared(key, "a", recall="a") for key in "wxyz"], [A, B]) == {"a": "wxyz"}


# --- what holds for any group whatever

members_of_any_kind = st.tuples(
    *(
        st.builds(
            Candidate,
            st.just(name),
            st.sampled_from(Fitness),
            st.sampled_from([V4, V6, BOTH]),
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        )
        for name in NAMES
    )
)
any_shared = st.builds(
    Movable,
    st.integers(100, 150),
    st.sampled_from(Family),
    st.just(""),
    name_or_none,
    name_or_none,
    st.just(1),
    st.booleans(),
)
any_homed = st.builds(
    Movable,
    st.integers(0, 50),
    st.sampled_from(Family),
    st.sampled_from(NAMES),
    name_or_none,
    name_or_none,
    st.integers(0, 1),
)
movables_of_both_kinds = st.lists(
    st.one_of(any_shared, any_shared, any_homed), unique_by=lambda it: it.key, max_size=12
)


def possible(movables: Sequence[Movable], members: Sequence[Candidate]) -> list[Movable]:
    families = {candidate.name: candidate.families for candidate in members}
    return [
        movable
        for movable in movables
        if all(
            not name or movable.family in families[name]
            for name in (movable.home, movable.host, movable.recall)
        )
    ]


@given(movables_of_both_kinds, members_of_any_kind)
def test_it_comes_to_rest(movables: list[Movable], members: tuple[Candidate, ...]) -> None:
    settled = rehosted(possible(movables, members), members)
    assert rehosted(settled, members) == settled


@given(movables_of_both_kinds, members_of_any_kind)
def test_nothing_is_lost_and_nothing_is_where_it_cannot_be(
    movables: list[Movable], members: tuple[Candidate, ...]
) -> None:
    movables = possible(movables, members)
    placed = placement(movables, members)
    by_name = {it.name: it for it in members}
    for movable in movables:
        host = placed[movable.key]
        able = [
            it for it in members if it.fitness >= Fitness.UNKNOWN and movable.family in it.families
        ]
        if host is None:
            assert movable.home or not able
            continue
        assert by_name[host].fitness > Fitness.ABSENT
        assert movable.family in by_name[host].families
        if not movable.home and able:
            assert by_name[host].fitness >= Fitness.UNPROVEN
        if not movable.home and movable.evens_out and any(not it.is_standby for it in able):
            is_kept = by_name[host].fitness is Fitness.UNPROVEN and host == movable.host
            assert not by_name[host].is_standby or is_kept


def loads(movables: Sequence[Movable]) -> Counter[str]:
    return Counter(it.host for it in movables if it.host and it.weight)


@given(movables_of_both_kinds, members_of_any_kind)
def test_it_is_as_even_as_can_be(movables: list[Movable], members: tuple[Candidate, ...]) -> None:
    """From whoever has two more than another no address could go there."""
    settled = rehosted(possible(movables, members), members)
    load = loads(settled)
    usable = [it for it in members if it.fitness is Fitness.USABLE and not it.is_standby]
    takers = [it for it in usable if not it.is_on_trust]
    for movable in settled:
        giver = next((it for it in usable if it.name == movable.host), None)
        if giver is None or not movable.evens_out or movable.recall == movable.host:
            continue
        for taker in takers:
            if movable.family in taker.families:
                assert load[giver.name] - load[taker.name] < 2


hosts_of_shared = st.lists(st.sampled_from(NAMES[:3]), max_size=5)


def least_moves(counts: tuple[int, ...]) -> int:
    """By trying everything: how many have to move until no two differ by more than one."""
    ahead = deque([(counts, 0)])
    seen = {counts}
    while ahead:
        now, moves = ahead.popleft()
        if max(now) - min(now) <= 1:
            return moves
        for giver in range(len(now)):
            for taker in range(len(now)):
                if now[giver] and giver != taker:
                    after = list(now)
                    after[giver] -= 1
                    after[taker] += 1
                    then = tuple(after)
                    if then not in seen:
                        seen.add(then)
                        ahead.append((then, moves + 1))
    raise AssertionError("they can always be evened out")


@given(hosts_of_shared)
def test_no_more_move_than_have_to(hosts: list[str]) -> None:
    before = [shared(str(key), host) for key, host in enumerate(hosts)]
    after = rehosted(before, [A, B, C])
    moved = sum(old.host != new.host for old, new in zip(before, after, strict=True))
    load = loads(before)
    assert moved == least_moves(tuple(load[name] for name in "abc"))


def arrived(before: Sequence[Movable], after: Sequence[Movable]) -> list[Movable]:
    """In the order of arrival: what has moved stands last."""
    pairs = list(zip(before, after, strict=True))
    return [new for old, new in pairs if old.host == new.host] + [
        new for old, new in pairs if old.host != new.host
    ]


@given(st.integers(0, 12), st.sampled_from(NAMES), st.integers(0, 1))
def test_failure_and_repair_move_only_what_has_to_move(
    count: int, failing: str, at_home: int
) -> None:
    sound = [member(name) for name in NAMES]
    broken = [member(name, BROKEN if name == failing else Fitness.USABLE) for name in NAMES]
    homed = [data(f"at home on {name}", name) for name in NAMES[:at_home]]
    new = [shared(str(key)) for key in range(count)]
    before = [it for it in rehosted([*homed, *new], sound) if not it.home]
    failed = [it for it in rehosted([*homed, *before], broken) if not it.home]
    hosts = [{it.key: it.host for it in movables} for movables in (before, failed)]
    refugees = {it.key for it in before if it.host == failing}
    assert {key for key in hosts[0] if hosts[0][key] != hosts[1][key]} == refugees
    repaired = [it for it in rehosted([*homed, *arrived(before, failed)], sound) if not it.home]
    back = {it.key for it in repaired if it.host != hosts[1][it.key]}
    assert {it.host for it in repaired if it.key in back} <= {failing}
    # Nobody else is disturbed: only those come back that had to leave.
    assert back <= refugees
    load = loads([*homed, *failed])
    assert len(back) == least_moves(tuple(load[name] for name in NAMES))


@given(
    st.integers(0, 9),
    st.lists(st.lists(st.sampled_from(NAMES), unique=True, max_size=3), min_size=2, max_size=6),
)
def test_whatever_fails_and_is_repaired_nothing_goes_to_and_fro(
    count: int, failures: list[list[str]]
) -> None:
    """Between two changes it is asked again and again; each time it moves nothing more."""
    movables = [shared(str(key)) for key in range(count)]
    for broken in failures:
        members = [member(it, BROKEN if it in broken else Fitness.USABLE) for it in NAMES]
        layouts = []
        for _ in range(3):
            movables = arrived(movables, rehosted(movables, members))
            layouts.append({it.key: it.host for it in movables})
        assert all(one == other for one, other in pairwise(layouts))
        load = loads(movables)
        usable = [it for it in NAMES if it not in broken]
        assert max(load[it] for it in usable) - min(load[it] for it in usable) <= 1


@given(st.permutations(NAMES), st.integers(0, 12))
def test_whoever_comes_up_first_at_boot_they_end_up_spread(order: list[str], count: int) -> None:
    movables = [shared(str(key)) for key in range(count)]
    up: set[str] = set()
    for name in order:
        up.add(name)
        members = [member(it, Fitness.USABLE if it in up else Fitness.ABSENT) for it in NAMES]
        movables = arrived(movables, rehosted(movables, members))
    load = [loads(movables)[name] for name in NAMES]
    assert max(load) - min(load) <= 1


def test_the_families_do_not_matter_where_everybody_has_both() -> None:
    both = [member(name, families=BOTH) for name in "ab"]
    movables = [*crowd(a="wx"), *(shared(key, "a", family=Family.IPV6) for key in "yz")]
    assert Counter(placement(movables, both).values()) == {"a": 2, "b": 2}
