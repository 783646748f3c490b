"""What another program sets otherwise is set again, and nobody is fought."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface

from rcm.house import PAIR, House

from rcmd.daemon.upkeep import ALL, EVERY_DEVICE, MOST_AT_ONCE, Upkeep
from rcmd.ipmp.api.deviation import Deviation
from rcmd.ipmp.api.events import Configured
from rcmd.model.network import KernelAddress
from rcmd.model.status import ProblemCode
from rcmd.ports.store import HistoryEvent

RP_FILTER = Deviation("net/ipv4/conf/hme0/rp_filter", "1", "2")
ARP_IGNORE = Deviation("net/ipv4/conf/hme0/arp_ignore", "0", "1")
TEXT = "net.ipv4.conf.hme0.rp_filter is 1 instead of 2"


@dataclass
class Watched:
    """An upkeep whose clock is ours."""

    house: House
    now: float = 0.0
    turns: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.upkeep = Upkeep(
            self.house.daemon,
            self.house.devices,
            self.house.store,
            lambda _, act: self.turns.append(act),
            lambda: self.now,
        )
        self.house.daemon.on_link.append(self.upkeep.link_changed)

    def set_cable(self, name: str, *, has_cable: bool) -> None:
        self.house.model.set_cable(name, has_cable=has_cable)
        self.house.listen()
        self.upkeep.follow_sources()

    def wait(self) -> int:
        """Until nothing is due any more; how many turns that took."""
        count = 0
        while self.turns:
            self.turns.pop(0)()
            self.house.listen()
            count += 1
        return count

    def look(self, at: float) -> None:
        self.now = at
        self.upkeep.look_around()
        self.wait()

    def told(self) -> list[str]:
        return [it.message for it in self._events()]

    def severities(self) -> list[int]:
        return [it.severity for it in self._events()]

    def _events(self) -> list[HistoryEvent]:
        return [it for it in self.house.events if it.kind == "precondition"]

    def problems(self) -> list[str]:
        return [
            f"{it.subject}: {it.text}"
            for it in self.house.coordination.status().problems
            if it.code is ProblemCode.PRECONDITION
        ]

    def is_put_right(self, name: str = "hme0") -> bool:
        return not self.house.devices.set_by_others.get(name)


def play(story: Callable[[Watched], None], files: dict[str, str] = PAIR) -> Watched:
    async def main() -> Watched:
        watched = Watched(House(files))
        story(watched)
        return watched

    return asyncio.run(main())


def test_it_is_set_again_and_told_once() -> None:
    def story(watched: Watched) -> None:
        watched.house.devices.set_by_others["hme0"] = [RP_FILTER, ARP_IGNORE]
        watched.upkeep.settings_changed(watched.house.model.device("hme0").link.ifindex)
        assert watched.wait() == 1
        assert watched.is_put_right()
        assert watched.told() == [
            f"hme0: {TEXT}; net.ipv4.conf.hme0.arp_ignore is 0 instead of 1: it was set again"
        ]
        watched.look(20)
        assert len(watched.told()) == 1
        assert watched.problems() == []

    play(story)


def test_what_was_set_is_recorded_to_be_put_back_one_day() -> None:
    def story(watched: Watched) -> None:
        watched.house.devices.set_by_others["hme0"] = [RP_FILTER]
        watched.look(0)
        ifindex = watched.house.model.device("hme0").link.ifindex
        saved = watched.house.store.saved_sysctls("hme0", ifindex)
        assert saved
        assert saved.values["net/ipv4/conf/hme0/rp_filter"] == "1"
        # What it was before we came is known already.
        watched.house.devices.set_by_others["hme0"] = [
            Deviation("net/ipv4/conf/hme0/arp_ignore", "8", "1")
        ]
        watched.look(20)
        saved = watched.house.store.saved_sysctls("hme0", ifindex)
        assert saved
        assert saved.values["net/ipv4/conf/hme0/arp_ignore"] == "0"

    play(story)


def test_nobody_is_fought() -> None:
    def story(watched: Watched) -> None:
        for look in range(40):
            watched.house.devices.set_by_others["hme0"] = [RP_FILTER]
            watched.look(look * 20)
        assert watched.severities() == [5, 4]
        assert watched.told()[1] == (
            f"hme0: {TEXT}: it is set so again and again, and left alone for a minute"
        )
        while watched.is_put_right():
            watched.house.devices.set_by_others["hme0"] = [RP_FILTER]
            watched.look(watched.now + 20)
        assert watched.problems() == [f"hme0: {TEXT}"]
        watched.look(watched.now + 80)
        assert watched.is_put_right()
        watched.look(watched.now + 20)
        assert watched.problems() == []

    play(story)


def test_what_is_refused_is_a_problem_and_tried_again() -> None:
    def story(watched: Watched) -> None:
        watched.house.devices.set_by_others["hme0"] = [RP_FILTER]
        watched.house.devices.refusal = "read-only file system"
        for look in range(7):
            watched.look(20 * look)
            assert watched.problems() == [f"hme0: {TEXT} (read-only file system)"]
        assert watched.told() == []
        watched.house.devices.refusal = ""
        watched.look(140)
        assert watched.is_put_right()
        assert watched.told() == [f"hme0: {TEXT}: it was set again"]
        assert watched.problems() == []

    play(story)


def test_what_is_refused_is_tried_again_twice_soon() -> None:
    def story(watched: Watched) -> None:
        watched.house.devices.set_by_others["hme0"] = [RP_FILTER]
        watched.house.devices.refusal = "read-only file system"
        watched.upkeep.look_around()
        for _ in range(2):
            watched.turns.pop(0)()
        watched.house.devices.refusal = ""
        watched.wait()
        assert watched.is_put_right()
        assert watched.problems() == []

    play(story)


def test_the_mtu_of_a_file_is_kept() -> None:
    def story(watched: Watched) -> None:
        model = watched.house.model
        model.set_mtu("hme0", 1200)
        model.set_mtu("hme1", 1200)
        watched.house.listen()
        watched.wait()
        assert model.device("hme0").link.mtu == 1400
        assert model.device("hme1").link.mtu == 1200
        assert watched.told() == ["hme0: mtu is 1200 instead of 1400: it was set again"]

    play(story, {**PAIR, "/etc/hostname.hme0": "mtu 1400 192.168.85.19/24 group test up\n"})


def test_what_is_set_for_all_of_them_is_a_problem() -> None:
    def story(watched: Watched) -> None:
        watched.house.devices.told_obstacles = ("net/ipv4/conf/all/arp_ignore is 8",)
        watched.upkeep.settings_changed(ALL)
        watched.wait()
        assert watched.problems() == [f"{EVERY_DEVICE}: net/ipv4/conf/all/arp_ignore is 8"]
        watched.house.devices.told_obstacles = ()
        watched.look(20)
        assert watched.problems() == []

    play(story)


def test_the_hash_of_the_whole_machine_is_kept_but_not_fought_for() -> None:
    def story(watched: Watched) -> None:
        house = watched.house
        house.files.settings = "groups: {test: {probe: none, load_spreading: flow}}\n"
        house.daemon.feed(Configured(house.files.load().configuration))
        policy = "net/ipv4/fib_multipath_hash_policy"
        for look in range(4):
            house.devices.sysctls[policy] = "1"
            watched.look(20 * look)
        assert house.devices.sysctls[policy] == "1"
        assert watched.severities() == [5, 4]
        watched.look(200)
        assert house.devices.sysctls[policy] == "3"

    play(story)


def test_who_is_not_in_use_is_left_alone() -> None:
    def story(watched: Watched) -> None:
        house = watched.house
        device = house.model.put_in("eth9")
        house.listen()
        for name in ("eth9", "hme1"):
            house.devices.set_by_others[name] = [RP_FILTER]
        house.model.tear_out("hme1")
        house.model.forget("hme1")
        house.listen()
        watched.upkeep.settings_changed(device.link.ifindex)
        watched.look(0)
        assert not watched.is_put_right("eth9")
        assert not watched.is_put_right("hme1")

    play(story)


def test_many_are_looked_at_a_few_at_a_time() -> None:
    names = [f"hme{number}" for number in range(2 * MOST_AT_ONCE + 1)]
    files = {
        f"/etc/hostname.{name}": f"10.0.0.{number + 1}/24 group test up\n"
        for number, name in enumerate(names)
    }

    async def main() -> None:
        watched = Watched(House(files, names))
        for name in names:
            watched.house.devices.set_by_others[name] = [RP_FILTER]
        watched.upkeep.look_around()
        assert watched.wait() == 3
        assert all(watched.is_put_right(name) for name in names)

    asyncio.run(main())


def test_who_carries_nothing_asks_from_its_test_address_and_nobody_else_may_say_otherwise() -> None:
    def story(watched: Watched) -> None:
        devices = watched.house.devices
        assert devices.arp_announce == {}
        watched.set_cable("hme0", has_cable=False)
        assert devices.arp_announce == {"hme0": "0"}
        # That is how it is to be now.
        watched.look(0)
        assert devices.arp_announce == {"hme0": "0"}
        devices.arp_announce["hme0"] = "1"
        watched.look(20)
        assert devices.arp_announce == {"hme0": "0"}
        watched.set_cable("hme0", has_cable=True)
        assert devices.arp_announce == {"hme0": "2"}
        assert watched.told() == [
            "hme0: net.ipv4.conf.hme0.arp_announce is 1 instead of 0: it was set again"
        ]

    play(story)


def test_where_the_source_cannot_be_chosen_it_is_tried_at_the_next_look() -> None:
    def story(watched: Watched) -> None:
        watched.house.devices.arp_announce["hme0"] = "1"
        watched.house.devices.refusal = "it is read only"
        watched.set_cable("hme0", has_cable=False)
        watched.house.devices.refusal = ""
        watched.look(20)
        assert watched.house.devices.arp_announce["hme0"] == "0"

    play(story)


def test_who_is_on_the_link_of_a_group_and_answers_for_its_members_is_told() -> None:
    def story(watched: Watched) -> None:
        house = watched.house
        for name, address in (("eth8", "10.0.0.1/24"), ("eth9", "192.168.85.99/24")):
            device = house.model.put_in(name)
            device.link = replace(device.link, is_up=True)
            index = device.link.ifindex
            house.model.add_by_hand(KernelAddress(index, ip_interface(address), name))
        house.listen()
        watched.house.daemon.look()
        watched.look(0)
        assert watched.problems() == [
            "devices beside the groups: eth9 is on the link of group test, and answers ARP for the"
            " addresses of others (net.ipv4.conf.eth9.arp_ignore is 0)"
        ]
        house.devices.discreet.add("eth9")
        watched.look(20)
        assert watched.problems() == []
        assert watched.told() == []

    play(story)
