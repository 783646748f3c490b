"""One client for each lease, where its address is; on the real engine and a model of a kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from rcmd.daemon.lease_keeper import LONGEST_PAUSE_S, LeaseKeeper
from rcmd.errors import RcmError
from rcmd.ipmp.api.lease import LeaseRoute
from rcmd.ipmp.dhcp.clients import ClientOrder
from rcmd.ports.lease_client import ClientNews, Ended, Granted, RanOut, Refused, Unanswered

from .house import House
from .virtual_loop import VirtualLoop

FILES = {
    "/etc/hostname.hme0": "group test\ndhcp\n",
    "/etc/hostname.hme1": "192.168.85.20/24 group test up\n",
}
ADDRESS = IPv4Interface("192.168.85.100/24")
GRANTED = Granted(
    ADDRESS,
    600,
    (LeaseRoute(IPv4Network("0.0.0.0/0"), IPv4Address("192.168.85.1")),),
    server=IPv4Address("192.168.85.1"),
    options={"dns": "192.168.85.1"},
)


@dataclass
class Client:
    """Implements `LeaseClient`; it is the test that makes it speak."""

    order: ClientOrder
    say: Callable[[ClientNews], None]
    is_stopped: bool = False
    is_awaited: bool = False

    def stop(self) -> None:
        assert not self.is_stopped
        self.is_stopped = True

    def wait(self) -> None:
        assert self.is_stopped
        self.is_awaited = True


@dataclass
class Clients:
    """All that were started."""

    started: list[Client] = field(default_factory=list)
    refusal: str = ""
    attempts: int = 0
    is_started: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, order: ClientOrder, hear: Callable[[ClientNews], None]) -> Client:
        self.attempts += 1
        if self.refusal:
            raise RcmError(self.refusal)
        client = Client(order, hear)
        self.started.append(client)
        self.is_started.set()
        return client

    @property
    def running(self) -> list[ClientOrder]:
        return [it.order for it in self.started if not it.is_stopped]


class Scene:
    def __init__(self, files: dict[str, str] | None = None) -> None:
        self.house = House(files or FILES)
        self.clients = Clients()
        self.keeper = LeaseKeeper(self.house.daemon, self.clients.start)
        self.house.daemon.on_change.append(self.keeper.follow)
        self.keeper.follow()

    async def listen(self) -> None:
        """What the kernel says, and the chores after it."""
        self.house.listen()
        await asyncio.sleep(0.001)

    async def say(self, news: ClientNews) -> None:
        self.clients.started[-1].say(news)
        await self.listen()

    async def set_cable(self, name: str, has_cable: bool) -> None:
        self.house.model.set_cable(name, has_cable)
        await self.listen()

    def hosts(self) -> list[str]:
        return self.house.model.hosts(ADDRESS.ip)

    def told(self, kind: str) -> list[str]:
        return [event.message for event in self.house.events if event.kind == kind]


def in_virtual_time(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        await scenario()

    VirtualLoop(100.0, lambda: None).live(main())


def test_the_client_follows_the_address() -> None:
    async def scenario() -> None:
        scene = Scene()
        (first,) = scene.clients.started
        mac = scene.house.model.device("hme0").link.hardware_address
        assert first.order.client_id == "01" + mac.replace(":", "")
        assert (first.order.interface, first.order.requested) == ("hme0", None)
        await scene.say(GRANTED)
        assert scene.hosts() == ["hme0"]
        assert scene.clients.running == [first.order], "a lease is no reason to start anew"
        (event,) = [it for it in scene.house.events if it.kind == "lease-granted"]
        assert event.detail["dns"] == "192.168.85.1"

        await scene.set_cable("hme0", False)
        assert scene.hosts() == ["hme1"]
        assert first.is_stopped
        (order,) = scene.clients.running
        assert (order.interface, order.requested) == ("hme1", ADDRESS.ip)
        assert order.client_id == first.order.client_id
        await scene.say(GRANTED)
        assert len(scene.told("lease-renewed")) == 1

    in_virtual_time(scenario)


def test_what_the_server_takes_back_is_given_up() -> None:
    async def scenario(news: ClientNews) -> None:
        scene = Scene()
        await scene.say(GRANTED)
        await scene.say(news)
        assert scene.hosts() == []
        assert len(scene.told("lease-lost")) == 1
        # The client is the same one, and asks again by itself.
        assert len(scene.clients.running) == 1

    for news in (Refused(), RanOut()):
        in_virtual_time(lambda news=news: scenario(news))  # type: ignore[misc]


def test_one_that_ends_is_started_again_less_and_less_often() -> None:
    async def scenario() -> None:
        scene = Scene()
        times = []
        for _ in range(9):
            scene.clients.is_started.clear()
            before = asyncio.get_running_loop().time()
            scene.clients.started[-1].say(Ended("udhcpc ended with status 1"))
            await scene.clients.is_started.wait()
            times.append(round(asyncio.get_running_loop().time() - before))
        assert times == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        assert scene.told("lease-client") == ["DHCP on hme0 (for hme0): udhcpc ended with status 1"]
        # One that was of use begins anew.
        await scene.say(GRANTED)
        await scene.say(Ended("udhcpc ended with status 1"))
        assert scene.hosts() == ["hme0"]
        await asyncio.sleep(1.1)
        assert scene.clients.started[-1].order.requested == ADDRESS.ip
        assert len(scene.told("lease-client")) == 2

    in_virtual_time(scenario)


def test_a_program_that_is_missing_is_told_once_and_looked_for_again() -> None:
    async def scenario() -> None:
        house = House(FILES)
        clients = Clients(refusal="the DHCP client udhcpc is not installed")
        keeper = LeaseKeeper(house.daemon, clients.start)
        keeper.follow()
        await asyncio.sleep(300.0)
        assert [it.message for it in house.events if it.kind == "lease-client"] == [
            "DHCP on hme0 (for hme0): the DHCP client udhcpc is not installed"
        ]
        assert 8 < clients.attempts < 14
        clients.refusal = ""
        await asyncio.sleep(LONGEST_PAUSE_S)
        assert len(clients.started) == 1
        keeper.close()

    in_virtual_time(scenario)


def test_it_is_started_again_soon_when_its_device_changes_or_its_file_is_read() -> None:
    async def scenario() -> None:
        scene = Scene()
        for _ in range(6):
            scene.clients.is_started.clear()
            scene.clients.started[-1].say(Ended("udhcpc ended with status 1"))
            await scene.clients.is_started.wait()
        scene.clients.started[-1].say(Ended("udhcpc ended with status 1"))
        count = len(scene.clients.started)
        scene.house.model.set_mtu("hme0", 1400)
        await scene.listen()
        assert len(scene.clients.started) == count
        await asyncio.sleep(1.1)
        assert len(scene.clients.started) == count + 1
        scene.clients.started[-1].say(Ended("udhcpc ended with status 1"))
        await scene.house.coordination.reconfigure()
        await scene.listen()
        await asyncio.sleep(1.1)
        assert len(scene.clients.started) == count + 2
        # One that works is let work.
        await scene.say(GRANTED)
        await scene.house.coordination.reconfigure()
        await scene.listen()
        await asyncio.sleep(1.1)
        assert len(scene.clients.started) == count + 2

    in_virtual_time(scenario)


def test_one_that_nobody_answered_asks_anew_when_its_file_is_read() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.say(Unanswered())
        await scene.house.coordination.reconfigure()
        await scene.listen()
        await asyncio.sleep(0.3)
        first, second = scene.clients.started
        assert first.is_stopped
        second.say(Unanswered())
        assert len(scene.told("lease-unanswered")) == 1

    in_virtual_time(scenario)


def test_that_nobody_answers_is_told_once() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.say(Unanswered())
        await scene.say(Unanswered())
        assert scene.told("lease-unanswered") == ["no DHCP server answers on hme0 (for hme0)"]
        await scene.say(GRANTED)
        await scene.say(Unanswered())
        assert scene.told("lease-unanswered")[1:] == [
            "no DHCP server answers on hme0 (for hme0); "
            "192.168.85.100/24 stays until its lease ends"
        ]

    in_virtual_time(scenario)


def test_at_the_end_the_clients_end_and_nothing_else() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.say(GRANTED)
        (client,) = scene.clients.started
        before = scene.house.model.snapshot()
        scene.keeper.close()
        assert (client.is_stopped, client.is_awaited) == (True, True)
        assert scene.house.model.snapshot() == before

    in_virtual_time(scenario)


def test_one_that_is_not_asked_for_any_more_ends() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.house.files.hostname["/etc/hostname.hme0"] = "group test\n"
        await scene.house.coordination.reconfigure()
        await scene.listen()
        assert scene.clients.running == []

    in_virtual_time(scenario)
