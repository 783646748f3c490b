"""Probers are made, fed and ended as the scene changes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from itertools import pairwise
from random import Random

import pytest

from rcmd.ipmp.api.commands import Report, SendProbes, UnwatchInterface, WatchInterface
from rcmd.ipmp.api.events import ProbeAnswer
from rcmd.ipmp.api.probes import ProbeKind
from rcmd.ipmp.probing.manager import LONGEST_TICK_S, Surveillance
from rcmd.ipmp.probing.result import Outlook
from rcmd.ipmp.probing.routers import Routers, routers_of
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent
from rcmd.model.kinds import AddressKind, ProbeMethod
from rcmd.model.network import Family, Route
from rcmd.model.settings import Address, GroupSettings, InterfaceConfig, Settings

from .scenes import NUMBERS, on, scene

ROUTER = ip_address("192.168.85.1")
SWITCHED_OFF = Settings(groups={"test": GroupSettings(probe=ProbeMethod.NONE)})
ICMP = GroupSettings(probe=ProbeMethod.ICMP, targets=(ROUTER,))


def member_config(name: str, number: int, group: str = "test") -> InterfaceConfig:
    test = Address(
        ip_interface(f"192.168.85.{number}/24"),
        name,
        kind=AddressKind.TEST,
        is_deprecated=True,
    )
    return InterfaceConfig(name, frozenset({Family.IPV4}), group, addresses=(test,))


def two(settings: GroupSettings = ICMP) -> Scene:
    made = scene(
        {"hme0": ["192.168.85.21/32"], "hme1": ["192.168.85.22/32"]},
        member_config("hme0", 21),
        member_config("hme1", 22),
    )
    made.settings = Settings(groups={"test": settings})
    return made


def surveyed(made: Scene) -> Surveillance:
    surveillance = Surveillance(made, Random(1))
    surveillance.follow(0.0)
    surveillance.judged(set(), 0.0)
    return surveillance


def run(surveillance: Surveillance, until: float, *silent: str) -> int:
    """Answer everything but what is asked on the silent ones; how many probes were sent."""
    sent = 0
    while (now := surveillance.deadline()) is not None and now <= until:
        for command in surveillance.due(now, now):
            assert isinstance(command, SendProbes)
            sent += len(command.probes)
            for it in command.probes:
                if it.interface not in silent:
                    number = NUMBERS[it.interface]
                    surveillance.answered(
                        ProbeAnswer(number, it.family, it.kind, it.sequence, it.target, now + 0.001)
                    )
        surveillance.take_news(now)
    return sent


def test_every_member_is_watched_once() -> None:
    surveillance = Surveillance(two(), Random(1))
    first = [it for it in surveillance.follow(0.0) if isinstance(it, WatchInterface)]
    assert [(it.name, str(it.source), it.method) for it in first] == [
        ("hme0", "192.168.85.21", ProbeMethod.ICMP),
        ("hme1", "192.168.85.22", ProbeMethod.ICMP),
    ]
    assert surveillance.follow(1.0) == []


def test_a_group_that_is_not_probed_is_left_alone() -> None:
    surveillance = Surveillance(two(GroupSettings(probe=ProbeMethod.NONE)), Random(1))
    assert surveillance.follow(0.0) == []
    assert surveillance.deadline() is None
    assert surveillance.verdict("hme0").outlook is Outlook.DISABLED


def test_another_hardware_address_is_watched_anew() -> None:
    made = two()
    surveillance = surveyed(made)
    made.view.links[4] = replace(made.view.links[4], hardware_address="02:00:00:00:00:99")
    (watch,) = surveillance.follow(1.0)
    assert isinstance(watch, WatchInterface)
    assert watch.hardware_address == "02:00:00:00:00:99"


@pytest.mark.parametrize("how", ["gone", "offline", "barred", "unconfigured", "switched off"])
def test_what_is_not_probed_any_more_is_unwatched(how: str) -> None:
    made = two()
    surveillance = surveyed(made)
    run(surveillance, 5.0)
    match how:
        case "gone":
            made.members["hme0"].ifindex = 0
        case "offline":
            made.members["hme0"].intent = Intent.OFFLINE
        case "barred":
            made.members["hme0"].barred = "twice"
        case "unconfigured":
            del made.members["hme0"]
        case "switched off":
            made.settings = SWITCHED_OFF
    ended = [it for it in surveillance.follow(6.0) if isinstance(it, UnwatchInterface)]
    assert UnwatchInterface(4, Family.IPV4) in ended
    assert surveillance.verdict("hme0").outlook is Outlook.DISABLED
    surveillance.answered(_answer(4, 0))
    assert "hme0" not in {it.interface for it in surveillance.probers()}


def _answer(ifindex: int, sequence: int) -> ProbeAnswer:
    return ProbeAnswer(ifindex, Family.IPV4, ProbeKind.UNICAST, sequence, ROUTER, 6.0)


def test_another_device_of_that_name_begins_anew() -> None:
    """Its predecessor's answers prove nothing (solaris.md 5.6)."""
    made = two()
    surveillance = surveyed(made)
    run(surveillance, 60.0)
    assert surveillance.verdict("hme0").is_repaired
    member = made.members["hme0"]
    made.view.links[9] = replace(made.view.links.pop(4), ifindex=9)
    made.view.add_address(replace(on("hme0", "192.168.85.21/32"), ifindex=9))
    member.ifindex = 9
    commands = surveillance.follow(61.0)
    assert [type(it) for it in commands] == [UnwatchInterface, WatchInterface]
    assert not surveillance.verdict("hme0").is_repaired


def test_losses_and_answers_are_news_and_nothing_else_is() -> None:
    # behaviour 29
    surveillance = surveyed(two())
    run(surveillance, 30.0)
    surveillance.judged(set(), 30.0)
    assert surveillance.take_news(30.0) == frozenset()
    run(surveillance, 45.0, "hme0")
    assert surveillance.verdict("hme0").outlook is Outlook.DEAD
    assert surveillance.verdict("hme1").outlook is Outlook.ALIVE
    assert surveillance.silent_targets("hme0") == (ROUTER,)


def test_what_falls_due_within_a_tick_is_sent_together() -> None:
    surveillance = surveyed(two())
    run(surveillance, 20.0)
    moments = []
    for _ in range(200):
        now = surveillance.deadline()
        assert now is not None
        assert surveillance.due(now, now)
        surveillance.take_news(now)
        moments.append(now)
    assert min(later - earlier for earlier, later in pairwise(moments)) >= LONGEST_TICK_S - 1e-9


def test_nobody_waits_for_the_test_address_of_one_who_left() -> None:
    # behaviour 19: a deadline in the past would keep the loop awake for ever
    made = two()
    made.view.addresses[4].clear()
    surveillance = surveyed(made)
    del made.members["hme0"]
    surveillance.follow(10.0)
    run(surveillance, 60.0)
    deadline = surveillance.deadline()
    assert deadline is not None
    assert deadline > 60.0


def test_a_missing_test_address_is_awaited_for_20_s() -> None:
    # behaviour 19
    made = two()
    made.view.addresses[4].clear()
    surveillance = surveyed(made)
    assert surveillance.awaits_source(made.members["hme0"], 19.9)
    assert not surveillance.awaits_source(made.members["hme0"], 20.0)
    assert not surveillance.awaits_source(made.members["hme1"], 1.0)
    (report,) = (it for it in surveillance.follow(20.0) if isinstance(it, Report))
    assert report.message.startswith("No test address configured on interface hme0")
    assert [it for it in surveillance.follow(21.0) if isinstance(it, Report)] == []


def test_a_search_for_targets_ends() -> None:
    surveillance = surveyed(two(GroupSettings(probe=ProbeMethod.ICMP)))
    assert surveillance.verdict("hme0").outlook is Outlook.UNKNOWN
    assert surveillance.is_searching("hme0", 9.9)
    assert not surveillance.is_searching("hme0", 10.0)


def test_the_last_to_leave_resets_the_detection_time() -> None:
    # behaviour 57
    made = two()
    surveillance = surveyed(made)
    group = surveillance.group("test")
    assert group is not None
    group.detection.raise_for(3.0, 0.0)
    for member in made.members.values():
        member.intent = Intent.OFFLINE
    surveillance.follow(1.0)
    assert not group.detection.is_raised


# --- routers ---


def route(name: str, destination: str, gateway: str | None, protocol: int = 3) -> Route:
    via = ip_address(gateway) if gateway else None
    return Route(NUMBERS[name], ip_network(destination), via, protocol=protocol)


def test_pinned_ones_then_next_hops() -> None:
    # behaviours 44, 47
    made = two()
    made.view.add(route("hme0", "0.0.0.0/0", "192.168.85.1"))
    made.view.add(route("hme1", "10.0.0.0/8", "192.168.85.2"))
    made.view.add(route("hme1", "192.168.85.50/32", None))
    made.view.add(route("hme1", "192.168.85.51/32", None, protocol=2))
    made.view.add(route("hme1", "192.168.85.0/24", None))
    settings = GroupSettings(targets=(ip_address("192.168.85.60"), ip_address("fe80::1")))
    found = routers_of(made, list(made.members.values()), settings, Family.IPV4)
    assert found == Routers(
        (ip_address("192.168.85.60"), ip_address("192.168.85.50")),
        (ip_address("192.168.85.1"), ip_address("192.168.85.2")),
    )
    assert routers_of(made, [], settings, Family.IPV6).all == (ip_address("fe80::1"),)


@pytest.mark.parametrize(
    ("destination", "gateway", "protocol", "expected"),
    [
        ("192.168.85.50/32", None, 4, Routers((ip_address("192.168.85.50"),))),
        # `route add -host T T -static`
        ("192.168.85.50/32", "192.168.85.50", 3, Routers((ip_address("192.168.85.50"),))),
        ("fe80::50/128", "fe80::50", 4, Routers((ip_address("fe80::50"),))),
        # what others say is on the link, and what is behind a router
        ("192.168.85.50/32", "192.168.85.50", 1, Routers((), (ip_address("192.168.85.50"),))),
        ("192.168.85.50/32", "192.168.85.1", 4, Routers((), (ROUTER,))),
        ("192.168.85.48/31", "192.168.85.48", 4, Routers((), (ip_address("192.168.85.48"),))),
    ],
)
def test_which_routes_pin(
    destination: str, gateway: str | None, protocol: int, expected: Routers
) -> None:
    # behaviour 47
    made = two()
    added = route("hme0", destination, gateway, protocol)
    made.view.add(added)
    members = list(made.members.values())
    found = routers_of(made, members, GroupSettings(), added.family)
    assert found == expected


def test_a_route_on_its_way_to_another_member_still_counts() -> None:
    """The kernel drops the IPv4 routes of a device that is set down; we put them elsewhere."""
    made = two()
    lost = route("hme0", "0.0.0.0/0", "192.168.85.1")
    made.ledger.record_route("hme0", lost)
    found = routers_of(made, list(made.members.values()), GroupSettings(), Family.IPV4)
    assert found.learnt == (ROUTER,)
