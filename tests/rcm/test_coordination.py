"""Everything that can be asked: checks, conflicts, offline, reload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from rcmd.errors import (
    Busy,
    ConfigurationError,
    InvalidArgument,
    NoSuchResource,
    RolledBack,
    Veto,
    Vetoed,
)
from rcmd.ipmp.api.memberships import MembershipsSeen
from rcmd.ipmp.state.route_words import describe_route
from rcmd.model.network import Link
from rcmd.model.status import InterfaceState, TargetMode, TargetStatus
from rcmd.ports.plan import MovableKind
from rcmd.rcm.operations import checks
from rcmd.rcm.operations.coordination import Coordination
from rcmd.rcm.resources.removal import removal_of
from rcmd.rcm.resources.tree import stacked_on

from .house import HME0, HME1, PAIR, ROOT, House

Play = Callable[..., House]
ALONE = {"/etc/hostname.hme0": "192.168.85.19/24 up\n"}
THREE = {**PAIR, "/etc/hostname.hme2": HME0.replace(".19", ".24").replace(".21", ".25")}
NICS = ("hme0", "hme1", "hme2")


def state_of(house: House, name: str) -> InterfaceState:
    return next(it.state for it in house.coordination.status().interfaces if it.name == name)


def hosts(house: House, address: str) -> list[str]:
    return [line.split()[0] for line in house.model.layout() if f" {address}/" in line]


async def vetoes(house: House, name: str, *, force: bool = False) -> list[str]:
    before = house.model.layout()
    plan = await house.coordination.query_detach(name, force=force)
    with pytest.raises(Vetoed):
        await house.coordination.detach(name, ROOT, force=False)
    assert house.model.layout() == before
    assert house.store.unfinished() == ()
    return sorted(str(veto) for veto in plan.vetoes)


def test_every_refusal_is_collected_and_nothing_changed(play: Play) -> None:
    # behaviours 101, 117
    async def story(house: House) -> None:
        lower = house.model.device("hme0").link.ifindex
        device = house.model.put_in("mv0")
        house.listen()
        device.link = Link(device.link.ifindex, "mv0", lower=lower, kind="macvlan")
        house.daemon.look_around()
        house.clients.vetoes["query_remove"] = Veto("hme0", "backup", "in use")
        assert await vetoes(house, "hme0") == [
            "hme0: backup: in use",
            "hme0: redundancy: it is not in a group, so its addresses have nowhere to go",
            "hme0: stacking: in use by mv0 (macvlan)",
        ]
        plan = await house.coordination.query_detach("hme0", force=True)
        assert "mv0 (macvlan) would be cut off" in plan.warnings
        with pytest.raises(Vetoed) as caught:
            await house.coordination.detach("hme0", ROOT, force=True)
        assert [veto.client for veto in caught.value.vetoes] == ["backup"]

    play(story, files=ALONE)


def test_port_of_a_bridge_is_stacked(play: Play) -> None:
    async def story(house: House) -> None:
        bridge = house.model.put_in("br0")
        bridge.link = Link(bridge.link.ifindex, "br0", kind="bridge")
        port = house.model.device("hme0")
        port.link = Link(
            port.link.ifindex, "hme0", is_up=True, has_carrier=True, master=bridge.link.ifindex
        )
        house.daemon.look_around()
        engine = house.daemon.engine
        assert [str(it) for it in stacked_on(engine, "hme0")] == [
            "br0 (bridge, of which it is a port)"
        ]
        assert stacked_on(engine, "nope0") == []

    play(story)


def test_prerequisites_leave_nothing_to_force(play: Play) -> None:
    async def story(house: House) -> None:
        assert await vetoes(house, "hme2") == [
            "hme2: managed: there is no /etc/hostname.hme2: rcmd does not manage it"
        ]
        await house.coordination.detach("hme0", ROOT, force=False)
        assert await vetoes(house, "hme0") == ["hme0: state: it is detached already"]
        with pytest.raises(Vetoed, match="detached already"):
            await house.coordination.detach("hme0", ROOT, force=True)

    play(story, nics=NICS)


def test_where_nothing_is_probed_every_interface_says_so(play: Play) -> None:
    async def story(house: House) -> None:
        assert house.coordination.targets() == (
            TargetStatus("hme0", None, TargetMode.DISABLED),
            TargetStatus("hme1", None, TargetMode.DISABLED),
        )
        assert house.coordination.probes(0, limit=10) == ()

    play(story)


def test_resources_that_are_none(play: Play) -> None:
    async def story(house: House) -> None:
        for word in ("", " hme0", "a/b"):
            with pytest.raises(InvalidArgument):
                await house.coordination.query_detach(word, force=False)
        with pytest.raises(NoSuchResource, match="nope0: no such resource"):
            await house.coordination.detach("nope0", ROOT, force=False)

    play(story)


def test_operation_under_way_holds_its_interface(play: Play) -> None:
    # behaviour 103
    async def story(house: House) -> None:
        house.clients.may_answer.clear()
        first = asyncio.create_task(house.coordination.detach("hme0", ROOT, force=False))
        await house.clients.is_asked.wait()
        asked: tuple[Callable[[Coordination], object], ...] = (
            lambda it: it.detach("hme0", ROOT, force=False),
            lambda it: it.attach("hme0", ROOT),
            lambda it: it.offline("hme0", ROOT),
            lambda it: it.undo_offline("hme0", ROOT),
        )
        for ask in asked:
            with pytest.raises(Busy, match="hme0: a detach is under way"):
                await ask(house.coordination)  # type: ignore[misc]
        house.clients.may_answer.set()
        await first
        assert state_of(house, "hme0") is InterfaceState.DETACHED

    play(story)


def test_reload_does_not_take_an_interface_from_an_operation(play: Play) -> None:
    async def story(house: House) -> None:
        house.clients.may_answer.clear()
        detach = asyncio.create_task(house.coordination.detach("hme0", ROOT, force=False))
        await house.clients.is_asked.wait()
        file = house.files.hostname.pop("/etc/hostname.hme0")
        with pytest.raises(Busy, match="hme0: a detach is under way"):
            await house.coordination.reload(ROOT)
        house.clients.may_answer.set()
        await detach
        assert state_of(house, "hme0") is InterfaceState.DETACHED
        await house.coordination.reload(ROOT)
        house.files.hostname["/etc/hostname.hme0"] = file

    play(story)


def test_reload_takes_what_it_has_validated(play: Play) -> None:
    async def story(house: House) -> None:
        house.model.put_in("hme2")
        house.listen()
        house.files.hostname["/etc/hostname.hme2"] = THREE["/etc/hostname.hme2"]
        before = house.files.reads
        await house.coordination.reload(ROOT)
        assert house.files.reads == before + 1
        assert house.model.device("hme2").link.is_up

    play(story)


def test_interfaces_that_are_going_help_nobody(play: Play) -> None:
    async def story(house: House) -> None:
        house.clients.may_answer.clear()
        first = asyncio.create_task(house.coordination.detach("hme0", ROOT, force=False))
        await house.clients.is_asked.wait()
        engine = house.daemon.engine
        removal = removal_of(engine, house.hardware, "hme1")
        assert checks.objections(checks.Question(engine, removal)) == ()
        with pytest.raises(Vetoed, match="only functioning interface of group test"):
            await house.coordination.offline("hme1", ROOT)
        second = asyncio.create_task(house.coordination.detach("hme1", ROOT, force=False))
        await asyncio.sleep(0)
        house.clients.may_answer.set()
        await first
        with pytest.raises(Vetoed, match="only functioning interface of group test"):
            await second
        assert hosts(house, "192.168.85.19") == ["hme1"]

    play(story)


def test_plan_tells_addresses_and_routes(play: Play) -> None:
    async def story(house: House) -> None:
        plan = await house.coordination.query_detach("hme0", force=False)
        data = next(move for move in plan.moves if move.what == "192.168.85.19/24")
        assert (data.kind, data.source, data.destination) == (MovableKind.ADDRESS, "hme0", "hme1")

    play(story)


def test_plan_tells_multicast(play: Play) -> None:
    # behaviour 62
    async def story(house: House) -> None:
        group, chosen = ip_address("239.1.2.3"), ip_address("232.1.1.1")
        device = house.model.device("hme0")
        device.joined[group] = 1
        device.chosen[chosen] = ip_address("10.0.0.5")
        house.daemon.feed(MembershipsSeen(house.model.memberships()))
        plan = await house.coordination.query_detach("hme0", force=False)
        (move,) = [it for it in plan.moves if it.kind is MovableKind.MULTICAST]
        assert (move.what, move.source, move.destination) == ("239.1.2.3", "hme0", "hme1")
        (warning,) = plan.warnings
        assert warning == (
            "232.1.1.1 is received on hme0 from 10.0.0.5 only: "
            "such a membership cannot move to another NIC"
        )
        await house.coordination.detach("hme0", ROOT, force=False)
        assert house.model.receives(group) == ["hme0", "hme1"]
        plan = await house.coordination.query_detach("hme1", force=True)
        (move,) = [it for it in plan.moves if it.kind is MovableKind.MULTICAST]
        assert (move.what, move.source, move.destination) == ("239.1.2.3", "hme1", None)

    play(story)


def test_offline_and_its_errors(play: Play) -> None:
    # behaviours 78, 79, 80, 82
    async def story(house: House) -> None:
        before = house.model.layout()
        await house.coordination.offline("hme0", ROOT)
        assert state_of(house, "hme0") is InterfaceState.OFFLINE
        assert hosts(house, "192.168.85.19") == ["hme1"]
        for name, reason in (
            ("hme0", "interface hme0 is already offline"),
            ("hme1", "only functioning interface"),
            ("hme2", "not in an IPMP group"),
        ):
            with pytest.raises(Vetoed, match=reason):
                await house.coordination.offline(name, ROOT)
        with pytest.raises(Vetoed, match="interface hme1 is not offline"):
            await house.coordination.undo_offline("hme1", ROOT)
        await house.coordination.undo_offline("hme0", ROOT)
        house.listen()
        assert house.model.layout() == before

    play(story, nics=NICS)


def test_offline_that_the_kernel_refuses_leaves_no_flag(play: Play) -> None:
    async def story(house: House) -> None:
        before = house.model.layout()
        house.model.refusals.add(("192.168.85.19", "hme1"))
        with pytest.raises(RolledBack, match=r"192\.168\.85\.19"):
            await house.coordination.offline("hme0", ROOT)
        assert state_of(house, "hme0") is InterfaceState.RUNNING
        assert house.model.layout() == before

    play(story)


def test_reload_takes_all_or_nothing(play: Play) -> None:
    async def story(house: House) -> None:
        before = house.model.layout()
        house.files.hostname["/etc/hostname.hme0"] = HME0.replace(".19", ".39")
        house.files.hostname["/etc/hostname.hme1"] = "192.168.85.20/24 frobnicate\n"
        with pytest.raises(ConfigurationError, match=r"^/etc/hostname\.hme1:1: "):
            await house.coordination.reload(ROOT)
        assert house.model.layout() == before
        house.files.hostname["/etc/hostname.hme1"] = HME1
        await house.coordination.reload(ROOT)
        assert hosts(house, "192.168.85.39") == ["hme0"]
        assert hosts(house, "192.168.85.19") == []

    assert play(story).kinds()[-1] == "reload"


def test_faulty_file_shows_beside_its_interface(play: Play) -> None:
    async def story(house: House) -> None:
        house.attacher.faulty = {"hme1": "/etc/hostname.hme1:2: frob", "hme9": ""}
        shown = {it.name: it for it in house.coordination.status().interfaces}
        assert shown["hme0"].problem == ""
        for name, state in (
            ("hme1", InterfaceState.RUNNING),
            ("hme9", InterfaceState.FAILED),
        ):
            assert "rcmd --check" in shown[name].problem
            assert shown[name].state is state
        assert "/etc/hostname.hme1:2: frob" in shown["hme1"].problem

    play(story)


def test_routes_are_described_as_iproute2_would(play: Play) -> None:
    from ipaddress import ip_address, ip_network

    from rcmd.model.network import Route

    gateway = ip_address("192.168.85.1")
    assert describe_route(Route(1, ip_network("0.0.0.0/0"), gateway)) == "default via 192.168.85.1"
    assert describe_route(Route(1, ip_network("10.0.0.0/8"), table=7)) == "10.0.0.0/8 table 7"
