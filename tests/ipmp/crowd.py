"""An engine with many members, on a model of the kernel that costs next to nothing itself.

It does what every request asks for; `tests/stories/kernel.py` is the honest one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from random import Random
from types import FrameType

from rcmd.ipmp.api.commands import Command, Move, Plumb, Report, SendProbes, WatchInterface
from rcmd.ipmp.api.events import (
    Attach,
    BootSettled,
    Configured,
    Event,
    KernelChanged,
    KernelSnapshot,
    LinkSeen,
    Moved,
    ProbeAnswer,
    RouteSeen,
    Tick,
    Together,
)
from rcmd.ipmp.api.probes import ProbeKind
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.model.kinds import AddressKind, ProbeMethod
from rcmd.model.network import Family, KernelAddress, Link, Route
from rcmd.model.settings import Address, Configuration, GroupSettings, InterfaceConfig, Settings

FIRST = IPv4Address("10.85.1.0")
ROUTED = int(IPv4Address("20.0.0.0"))
TARGETS = tuple(IPv4Address(f"10.85.0.{number}") for number in range(1, 6))
RTT_S = 0.0005
IFA_F_PERMANENT = 0x80


class Crowd:
    """`members` interfaces in groups of `group_size`, each with a data and a test address."""

    def __init__(self, members: int, group_size: int) -> None:
        self.engine = Engine(random=Random(1))
        self.now = 0.0
        self.move_takes_s = 0.0
        self.moves = 0
        settings = GroupSettings(probe=ProbeMethod.ICMP, targets=TARGETS)
        interfaces = [_config(number, number // group_size) for number in range(members)]
        self.configuration = Configuration(
            {it.name: it for it in interfaces}, Settings(default_group=settings)
        )
        self._view = KernelView.of(
            KernelSnapshot(
                tuple(
                    Link(number + 10, it.name, f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}")
                    for number, it in enumerate(interfaces)
                )
            )
        )
        self.reports: list[str] = []
        """What was said, by kind."""
        self._news: list[LinkSeen] = []
        self._indexes: dict[str, int] = {}
        self._answers: list[ProbeAnswer] = []

    def start(self) -> None:
        """As the daemon does: look, read the files, take everything into use at once."""
        self.tell(self.snapshot())
        self.tell(Configured(self.configuration))
        configs = self.configuration.interfaces.items()
        self.tell(Together(tuple(Attach(name, config) for name, config in configs)))
        self.listen()
        self.tell(BootSettled())

    def snapshot(self) -> KernelSnapshot:
        view = self._view
        return KernelSnapshot(
            tuple(view.links.values()),
            tuple(it for held in view.addresses.values() for it in held.values()),
            tuple(it for held in view.routes.values() for it in held.values()),
        )

    def pull(self, *names: str) -> None:
        """The cables of these, at once."""
        self._set_carrier(names, has_carrier=False)

    def plug(self, *names: str) -> None:
        self._set_carrier(names, has_carrier=True)

    def _set_carrier(self, names: Container[str], *, has_carrier: bool) -> None:
        for link in [it for it in self._view.links.values() if it.name in names]:
            self._see(replace(link, has_carrier=has_carrier))
        self.listen()

    def set_down(self, name: str) -> None:
        """By hand: with that it has lost its IPv4 routes."""
        link = self.link(name)
        self._view.table.drop(link.ifindex, Family.IPV4)
        self._see(replace(link, is_up=False, has_carrier=False))
        self.listen()

    def link(self, name: str) -> Link:
        link = self._view.link_named(name)
        assert link is not None
        return link

    def add_routes(self, name: str, count: int) -> None:
        """By hand, all at once."""
        ifindex = self.link(name).ifindex
        routes = [
            Route(ifindex, IPv4Network((ROUTED + 256 * number, 24)), TARGETS[0])
            for number in range(count)
        ]
        for route in routes:
            self._view.add(route)
        self.tell(KernelChanged(tuple(RouteSeen(route) for route in routes)))

    def routes(self, name: str) -> int:
        """How many of those that somebody added are on it."""
        return len(self._view.table.on(self.link(name).ifindex))

    def go_on(self) -> int:
        """Until nothing is under way any more; in so many turns of the loop."""
        turns = 0
        while self.engine.is_under_way:
            assert self.engine.deadline() == self.now
            self.tell(Tick((), self.now))
            turns += 1
        return turns

    def listen(self) -> None:
        while self._news:
            changes, self._news = tuple(self._news), []
            self.tell(KernelChanged(changes))

    def run(self, seconds: float) -> None:
        """Probe, and be answered."""
        end = self.now + seconds
        while (at := self.engine.deadline()) is not None and at < end:
            self.now = max(self.now, at)
            answers, self._answers = tuple(self._answers), []
            self.tell(Tick(answers, self.now))
        self.now = end

    def tell(self, event: Event) -> None:
        answers: list[Event] = [event]
        while answers:
            commands = self.engine.handle(
                answers[0] if len(answers) == 1 else Together(tuple(answers)), self.now
            )
            answers = []
            for command in commands:
                self._carry_out(command, answers)

    def _carry_out(self, command: Command, answers: list[Event]) -> None:
        match command:
            case Move():
                self.moves += 1
                self.now += self.move_takes_s
                answers.append(self._execute(command))
            case Plumb(ifindex):
                self._see(replace(self._view.links[ifindex], is_up=True, has_carrier=True))
            case Report():
                self.reports.append(command.kind)
            case WatchInterface(ifindex, name):
                self._indexes[name] = ifindex
            case SendProbes(probes):
                self._answers += [
                    ProbeAnswer(
                        self._indexes[it.interface],
                        it.family,
                        it.kind,
                        it.sequence,
                        it.target,
                        self.now + RTT_S,
                    )
                    for it in probes
                    if it.kind is not ProbeKind.SEARCH
                ]
            case _:
                pass

    def _see(self, link: Link) -> None:
        self._view.links[link.ifindex] = link
        self._news.append(LinkSeen(link))

    def _execute(self, move: Move) -> Moved:
        added = tuple(replace(it, flags=it.flags | IFA_F_PERMANENT) for it in move.add)
        for address in added:
            self._view.add_address(address)
        for route in move.add_routes:
            self._view.add(route)
        for address in move.remove:
            self._view.remove_address(address)
        for route in move.remove_routes:
            self._view.remove(route)
        return Moved(move, (*move.add, *move.add_routes), (*move.remove_routes, *move.remove))

    def hosts(self, name: str) -> list[KernelAddress]:
        link = self._view.link_named(name)
        return list(self._view.addresses.get(link.ifindex, {}).values()) if link else []


def _config(number: int, group: int) -> InterfaceConfig:
    name = f"hme{number}"
    data, test = (IPv4Interface((FIRST + 2 * number + each, 16)) for each in (0, 1))
    return InterfaceConfig(
        name,
        frozenset({Family.IPV4}),
        f"g{group}",
        addresses=(
            Address(data, name),
            Address(test, name, 1, AddressKind.TEST, is_deprecated=True),
        ),
    )


def calls(crowd: Crowd, deed: Callable[[Crowd], object]) -> int:
    """How many functions are called."""
    count = 0

    def called(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        deed(crowd)
    finally:
        sys.setprofile(None)
    return count
