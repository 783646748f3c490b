"""The daemon on a model of the kernel: events in, commands out, what can wait afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import pytest
from failing_tables import FailingStore
from rcm.house import DUAL, PAIR, House

from rcmd.daemon.loop import MEMORY_KEY, PREPARE_AFTER_S, PROBLEMS_KEY
from rcmd.ipmp.api.events import Leave, Stay
from rcmd.ipmp.state.snapshot import Memory
from rcmd.model.network import Identity
from rcmd.ports.store import HistoryEvent


def play(story: Callable[[House], Awaitable[None]], **furniture: object) -> House:
    async def main() -> House:
        house = House(**furniture)  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            await story(house)
        return house

    return asyncio.run(main())


def pull(house: House, nic: str) -> None:
    house.model.set_cable(nic, False)
    house.listen()


def hosts(house: House, address: str) -> list[str]:
    return house.model.hosts(ip_address(address))


async def chores_done() -> None:
    """Chores run in the turn of the loop after the one that ordered them."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_pulled_cable_moves_everything_before_feed_returns() -> None:
    async def story(house: House) -> None:
        moves = len(house.kernel.moves)
        pull(house, "hme0")
        assert hosts(house, "192.168.85.19") == ["hme1"]
        assert len(house.kernel.moves) == moves + 1

    assert play(story).kinds() == ["link-down", "failure", "failover"]


def test_a_failure_is_cured_before_it_is_told() -> None:
    async def story(house: House) -> None:
        where: list[list[str]] = []
        house.daemon.on_report.append(lambda _: where.append(hosts(house, "192.168.85.19")))
        pull(house, "hme0")
        assert where == [["hme1"]] * 3

    assert play(story).kinds() == ["link-down", "failure", "failover"]


def test_moved_addresses_are_announced_from_where_they_are() -> None:
    async def story(house: House) -> None:
        pull(house, "hme0")
        hme1 = house.model.device("hme1").link
        told = house.announcements.told
        for address in ("192.168.85.19", "2001:db8::19"):
            assert told[ip_address(address)] == (hme1.ifindex, hme1.hardware_address, False)
        # The members of a group are on one link, and announce at one pace.
        assert house.announcements.links == {"test"}

    play(story, files=DUAL)


def test_address_that_went_away_is_announced_no_more() -> None:
    async def story(house: House) -> None:
        pull(house, "hme0")
        assert ip_address("192.168.85.19") in house.announcements.told
        house.files.hostname["/etc/hostname.hme0"] = "192.168.85.39/24 group test up\n"
        await house.coordination.reconfigure()
        assert ip_address("192.168.85.19") not in house.announcements.told

    play(story)


SPREAD = "groups: {test: {probe: none, load_spreading: flow}}\n"
POLICY = "net/ipv4/fib_multipath_hash_policy"


def test_the_hash_is_chosen_aloud_and_given_back() -> None:
    async def story(house: House) -> None:
        house.files.settings = SPREAD
        await house.coordination.reconfigure()
        assert house.devices.sysctls[POLICY] == "3"
        house.files.settings = "groups: {test: {probe: none}}"
        await house.coordination.reconfigure()
        assert house.devices.sysctls[POLICY] == "0"

    told = [it.message for it in play(story).events if it.kind == "hash"]
    assert told == [
        "the hash of outgoing traffic was set for the whole machine: "
        "net.ipv4.fib_multipath_hash_policy 0 -> 3 (load_spreading: flow of test)",
        "the hash of outgoing traffic was set for the whole machine: "
        "net.ipv4.fib_multipath_hash_policy 3 -> 0 (no group spreads its load any more)",
    ]


def test_what_is_remembered_is_enough_to_go_on() -> None:
    async def story(house: House) -> None:
        pull(house, "hme0")
        await chores_done()
        text = house.store.recall(MEMORY_KEY)
        assert text is not None
        assert "hme0" in Memory.from_text(text).failed

    play(story)


def test_full_disk_keeps_no_address_from_moving(caplog: pytest.LogCaptureFixture) -> None:
    async def story(house: House) -> None:
        assert isinstance(house.store, FailingStore)
        house.store.disk.refuses = bool
        pull(house, "hme0")
        await chores_done()
        assert hosts(house, "192.168.85.19") == ["hme1"]
        assert "what happens cannot be recorded: the disk is full" in caplog.text
        house.store.disk.refuses = lambda _: False
        await house.store.on_disk()
        text = house.store.recall(MEMORY_KEY)
        assert text is not None
        assert "hme0" in Memory.from_text(text).failed

    play(story, store=FailingStore())


def test_listeners_are_told_after_the_move() -> None:
    async def story(house: House) -> None:
        seen: list[list[str]] = []
        house.daemon.on_change.append(lambda: seen.append(hosts(house, "192.168.85.19")))
        await chores_done()
        seen.clear()
        pull(house, "hme0")
        assert seen == []
        await chores_done()
        assert seen == [["hme1"]]

    play(story)


def test_since_when_something_is_wrong_survives_a_restart_right_after() -> None:
    async def story(house: House) -> None:
        house.daemon.on_change.append(house.coordination.status)
        pull(house, "hme0")
        await chores_done()
        assert "interface-failed" in (house.store.recall(PROBLEMS_KEY) or "")

    play(story)


def test_next_failure_is_prepared_when_it_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rcmd.daemon.loop.PREPARE_AFTER_S", PREPARE_AFTER_S / 100)

    async def story(house: House) -> None:
        assert house.kernel.prepared == []
        while {move.source for move in house.kernel.prepared} != {"hme0", "hme1"}:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        pull(house, "hme0")
        made = house.kernel.moves[-1]
        forecast = next(move for move in house.kernel.prepared if move.source == "hme0")
        assert (made.add, made.remove) == (forecast.add, forecast.remove)

    play(story)


def test_until_waits_for_the_condition_and_not_longer() -> None:
    async def story(house: House) -> None:
        waiting = asyncio.create_task(
            house.daemon.until(lambda: hosts(house, "192.168.85.19") == ["hme1"], 5.0)
        )
        await asyncio.sleep(0)
        assert not waiting.done()
        pull(house, "hme0")
        assert await waiting
        assert not await house.daemon.until(lambda: False, 0.001)

    play(story)


def test_device_that_cannot_be_plumbed_is_reported_and_the_others_work() -> None:
    async def story(house: House) -> None:
        house.devices.refusal = "mtu 9000: Invalid argument"
        house.files.hostname["/etc/hostname.hme0"] = PAIR["/etc/hostname.hme0"] + "mtu 9000\n"
        await house.coordination.reconfigure()
        assert hosts(house, "192.168.85.20") == ["hme1"]
        for _ in range(3):
            house.daemon.look_around()

    house = play(story)
    assert [event.message for event in house.events if event.kind == "refused"] == [
        "hme0 could not be plumbed: mtu 9000: Invalid argument"
    ]


def test_sysctls_are_kept_until_they_have_been_put_back() -> None:
    async def story(house: House) -> None:
        ifindex = house.model.device("hme1").link.ifindex
        saved = house.store.saved_sysctls("hme1", ifindex)
        assert saved is not None
        del house.files.hostname["/etc/hostname.hme1"]
        house.devices.refusal = "down: Device or resource busy"
        await house.coordination.reconfigure()
        assert house.store.saved_sysctls("hme1", ifindex) == saved

    assert "refused" in play(story).kinds()


def test_given_back_device_has_its_sysctls_back() -> None:
    async def story(house: House) -> None:
        del house.files.hostname["/etc/hostname.hme1"]
        await house.coordination.reconfigure()
        ifindex = house.model.device("hme1").link.ifindex
        assert house.store.saved_sysctls("hme1", ifindex) is None

    assert play(story).devices.restored == [{"net/ipv4/conf/hme1/arp_ignore": "0"}]


def test_look_around_makes_lost_news_good() -> None:
    async def story(house: House) -> None:
        house.model.set_cable("hme0", False)
        house.model.unread.clear()
        house.daemon.look_around()
        assert hosts(house, "192.168.85.19") == ["hme1"]

    play(story)


def test_look_that_fails_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rcmd.daemon.loop.RETRY_S", 0.001)

    async def story(house: House) -> None:
        house.model.set_cable("hme0", False)
        house.model.unread.clear()
        house.kernel.overruns = 3
        house.daemon.look_around()
        assert hosts(house, "192.168.85.19") == ["hme0"]
        assert await house.daemon.until(lambda: hosts(house, "192.168.85.19") == ["hme1"], 5)

    play(story)


def test_what_belongs_to_an_operation_is_recorded_before_anything_is_done() -> None:
    """All else is, as soon as there is time."""

    async def story(house: House) -> None:
        seen: list[list[str]] = []

        class Watched:
            def __getattr__(self, name: str) -> object:
                return getattr(house.store, name)

            def remember(self, key: str, _: str) -> None:
                if key == MEMORY_KEY:
                    seen.append(hosts(house, "192.168.85.19"))

        house.daemon._journal = Watched()  # type: ignore[assignment]
        house.daemon.feed(Leave("hme0"))
        assert hosts(house, "192.168.85.19") == ["hme1"]
        assert seen == [["hme0"]]
        await chores_done()
        house.daemon.feed(Stay("hme0"))
        assert seen[-1] == ["hme1"]
        await chores_done()
        seen.clear()
        pull(house, "hme0")
        assert seen == []
        await chores_done()
        assert seen == [["hme1"]]

    play(story)


def test_look_at_hears_of_one_device() -> None:
    async def story(house: House) -> None:
        seen: list[object] = []
        house.daemon.on_link.append(seen.append)
        ifindex = house.model.device("hme0").link.ifindex
        house.model.set_cable("hme0", False)
        house.model.unread.clear()
        house.daemon.look_at(ifindex)
        assert hosts(house, "192.168.85.19") == ["hme1"]
        assert len(seen) == 1

    play(story)


def test_identity_of_a_device_that_is_gone_is_what_it_was() -> None:
    async def story(house: House) -> None:
        there = house.daemon.identify("hme0")
        assert there.driver == "veth"
        house.model.tear_out("hme0")
        house.model.forget("hme0")
        house.listen()
        assert house.daemon.identify("hme0") == there
        house.store.know(Identity("hme7", "02:00:00:00:00:07", "", "e1000"))
        assert house.daemon.identify("hme7").driver == "e1000"
        assert house.daemon.identify("hme8") == Identity("hme8")

    play(story)


def test_reports_reach_every_listener_with_their_detail() -> None:
    async def story(house: House) -> None:
        told: list[HistoryEvent] = []
        house.daemon.on_report.append(told.append)
        pull(house, "hme0")
        assert told[-1].message == "Successfully failed over from NIC hme0 to NIC hme1"
        assert told[-1].detail["to"] == "hme1"
        assert told == house.events[-len(told) :]

    play(story)


def test_carrier_of_every_member_is_watched() -> None:
    async def story(house: House) -> None:
        assert sorted(house.daemon.carrier_devices().values()) == ["hme0", "hme1"]

    play(story)
