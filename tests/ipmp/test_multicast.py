"""What is recorded of memberships, and the addresses for which groups are received."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

from rcmd.ipmp.api.commands import Cause, Move, Report, Severity
from rcmd.ipmp.api.events import Moved
from rcmd.ipmp.api.memberships import Membership, MembershipsSeen
from rcmd.ipmp.messages import moved
from rcmd.ipmp.multicast.tracking import absorb_memberships, concerned_by, is_news
from rcmd.ipmp.placement.desired import arrange
from rcmd.ipmp.reconcile.difference import Difference
from rcmd.ipmp.state.batches import item_key, stay_key
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.memberships import GroupAtHome, autojoin, is_autojoin
from rcmd.model.network import Family, KernelAddress

from .scenes import NUMBERS, config, on, scene

HME0 = config("hme0", "10.0.0.1/24")
HME1 = config("hme1", "10.0.0.2/24")
HELD = {"hme0": ["10.0.0.1/24"], "hme1": ["10.0.0.2/24"]}
FAILED = frozenset({"hme0"})
GROUP = ip_address("239.1.2.3")
OTHER = ip_address("239.1.2.4")
SENDER = ip_address("10.0.0.9")


def seen(*memberships: tuple[str, str, int]) -> MembershipsSeen:
    """(interface, group, users)."""
    return MembershipsSeen(
        tuple(
            Membership(NUMBERS[name], ip_address(group), users)
            for name, group, users in memberships
        )
    )


def listening(*, failed: frozenset[str] = frozenset()) -> Scene:
    made = scene(HELD, HME0, HME1, failed=failed)
    absorb_memberships(made, seen(("hme0", "239.1.2.3", 1)))
    return made


def moves(made: Scene, *refused: object) -> list[Move]:
    return Difference(made, arrange(made), refused).moves()  # type: ignore[arg-type]


def carry_out(made: Scene, move: Move) -> None:
    for item in move.add:
        made.view.add(item)
    for gone in move.remove:
        made.view.remove(gone)


def test_where_it_was_joined_nothing_is_done() -> None:
    made = listening()
    assert made.memberships.joined == {"hme0": {GROUP: 4}}
    assert moves(made) == []


def test_it_rides_with_the_addresses() -> None:
    # behaviour 62
    made = listening(failed=FAILED)
    (move,) = moves(made)
    assert (move.cause, move.source, move.destination) == (Cause.FAILOVER, "hme0", "hme1")
    assert [str(it.address) for it in move.add] == ["10.0.0.1/24", "239.1.2.3/32"]
    assert move.add[1] == autojoin(GROUP, NUMBERS["hme1"])
    assert [str(it.address) for it in move.announce] == ["10.0.0.1/24"]
    carry_out(made, move)
    assert moves(made) == []


def test_our_own_membership_is_not_an_applications() -> None:
    made = listening(failed=FAILED)
    carry_out(made, moves(made)[0])
    ours = seen(("hme0", "239.1.2.3", 1), ("hme1", "239.1.2.3", 1))
    assert not is_news(made, ours)
    theirs = seen(("hme0", "239.1.2.3", 1), ("hme1", "239.1.2.3", 2))
    assert list(concerned_by(made, theirs)) == ["hme1"]


def test_the_last_one_leaves() -> None:
    made = listening(failed=FAILED)
    carry_out(made, moves(made)[0])
    absorb_memberships(made, seen(("hme1", "239.1.2.3", 1)))
    (move,) = moves(made)
    assert (move.cause, move.add) == (Cause.CLEANUP, ())
    assert move.remove == (autojoin(GROUP, NUMBERS["hme1"]),)


def test_nobody_has_left_a_device_that_is_down() -> None:
    """A device that goes is set down first, and its memberships vanish with it."""
    made = listening(failed=FAILED)
    made.view.links[4] = replace(made.view.links[4], is_up=False)
    assert not is_news(made, seen())


def test_what_is_refused_is_left_where_it_is() -> None:
    made = listening(failed=FAILED)
    carry_out(made, moves(made)[0])
    assert moves(made, item_key(autojoin(GROUP, 5))) == []
    made.members["hme1"].health = made.members["hme0"].health
    made.members["hme0"].health = type(made.members["hme0"].health).RUNNING
    absorb_memberships(made, seen(("hme0", "239.1.2.3", 1), ("hme1", "239.1.2.3", 1)))
    removed = [it for move in moves(made, stay_key(autojoin(GROUP, 5))) for it in move.remove]
    assert not [it for it in removed if is_autojoin(it)]


def test_the_kernels_own_groups_do_not_count() -> None:
    made = scene(HELD, replace(HME0, families=frozenset(Family)), HME1)
    own = (
        "224.0.0.1",
        "224.0.0.106",
        "ff02::1",
        "ff02::2",
        "ff02::6a",
        "ff02::1:ff00:1",
        "ff01::9",
    )
    assert not is_news(made, seen(*(("hme0", group, 1) for group in own)))
    absorb_memberships(made, seen(("hme0", "ff02::fb", 1), ("hme1", "ff02::fb", 1)))
    # hme1 is not plumbed for IPv6
    assert list(made.memberships.keys(None)) == [GroupAtHome("hme0", ip_address("ff02::fb"))]


def test_chosen_senders_are_told_once_and_do_not_move() -> None:
    made = scene(HELD, HME0, HME1, failed=FAILED)
    event = MembershipsSeen((Membership(4, GROUP, 1, (SENDER,), 1), Membership(4, OTHER, 1)))
    (report,) = absorb_memberships(made, event)
    assert isinstance(report, Report)
    assert (report.severity, report.kind, report.subject) == (Severity.WARNING, "multicast", "hme0")
    assert "239.1.2.3 is received on hme0 from 10.0.0.9 only" in report.message
    assert absorb_memberships(made, event) == []
    (move,) = moves(made)
    assert [str(it.address) for it in move.add] == ["10.0.0.1/24", "239.1.2.4/32"]


def test_one_that_did_not_choose_moves_all_the_same() -> None:
    made = scene(HELD, HME0, HME1, failed=FAILED)
    absorb_memberships(made, MembershipsSeen((Membership(4, GROUP, 2, (SENDER,), 1),)))
    assert made.memberships.is_joined(GroupAtHome("hme0", GROUP), 4)


def test_another_administrators_autojoin_is_an_application() -> None:
    made = scene(HELD, HME0, HME1, failed=FAILED)
    made.view.add(replace(on("hme0", "239.1.2.3/32"), flags=0x480, protocol=0))
    absorb_memberships(made, seen(("hme0", "239.1.2.3", 1)))
    (move,) = moves(made)
    assert move.add[1] == autojoin(GROUP, 5)
    assert [str(it.address) for it in move.remove] == ["10.0.0.1/24"]


def test_the_address_sends_nothing_and_asks_nobody() -> None:
    assert autojoin(GROUP, 5) == KernelAddress(
        5, ip_interface("239.1.2.3/32"), scope=254, flags=0x400, protocol=0x99
    )
    assert autojoin(ip_address("ff05::1"), 5) == KernelAddress(
        5, ip_interface("ff05::1/128"), flags=0x402, protocol=0x99
    )


def test_a_membership_alone_is_no_failover_to_tell_of() -> None:
    address = on("hme1", "10.0.0.1/24")
    group = autojoin(GROUP, 5)
    alone = Move(Cause.FAILOVER, "hme0", "hme1", add=(group,))
    assert moved(Moved(alone, (group,))) is None
    both = Move(Cause.FAILOVER, "hme0", "hme1", add=(address, group))
    report = moved(Moved(both, (address, group)))
    assert report
    assert report.detail["addresses"] == "10.0.0.1/24"
    assert report.detail["multicast"] == "239.1.2.3"
