"""Devices that appear, and the end of the boot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from rcmd.configuration import Loaded
from rcmd.daemon.boot import settle
from rcmd.errors import ConfigurationError, NoSuchResource, RcmError, Vetoed
from rcmd.ipmp.engine import Engine
from rcmd.model.network import Identity
from rcmd.model.settings import Configuration, Fault
from rcmd.rcm.operations.transaction import UndoStack

from .house import HME0, PAIR, ROOT, House, ModelDevices

Play = Callable[..., House]


def hosts(house: House, address: str) -> list[str]:
    return [line.split()[0] for line in house.model.layout() if f" {address}/" in line]


def come_back(house: House, name: str) -> None:
    mac = house.model.device(name).link.hardware_address
    house.model.tear_out(name)
    house.model.forget(name)
    house.listen()
    house.model.put_in(name, mac=mac)
    house.listen()
    house.take(house.model.device(name).link)
    house.listen()


def test_device_that_returns_is_reattached_once(play: Play) -> None:
    # behaviours 100, 122
    async def story(house: House) -> None:
        before = house.model.layout()
        come_back(house, "hme0")
        assert house.model.layout() == before
        link = house.model.device("hme0").link
        assert not house.attacher.is_wanted(link)
        house.take(link)
        assert house.kinds().count("reattach") == 1

    play(story)


def test_reattach_reads_the_file_anew(play: Play) -> None:
    async def story(house: House) -> None:
        house.files.hostname["/etc/hostname.hme0"] = HME0.replace(".21", ".31")
        come_back(house, "hme0")
        assert hosts(house, "192.168.85.31") == ["hme0"]
        assert hosts(house, "192.168.85.21") == []

    play(story)


def test_without_its_file_it_is_only_plumbed(play: Play) -> None:
    # behaviour 121
    async def story(house: House) -> None:
        del house.files.hostname["/etc/hostname.hme0"]
        come_back(house, "hme0")
        assert hosts(house, "192.168.85.19") == ["hme1"]
        assert house.model.device("hme0").link.is_up

    play(story)


def test_what_could_not_be_plumbed_is_not_said_to_be(play: Play) -> None:
    async def story(house: House) -> None:
        house.attacher.know("hme0")
        del house.files.hostname["/etc/hostname.hme0"]
        await house.coordination.reconfigure()
        house.devices.refusal = "up: Device or resource busy"
        come_back(house, "hme0")
        house.devices.refusal = ""
        come_back(house, "hme0")

    told = [it.message for it in play(story).events if it.kind in ("refused", "reattach")]
    assert told == [
        "hme0 could not be plumbed: up: Device or resource busy",
        "hme0 is back, without /etc/hostname.hme0: plumbed only",
    ]


def test_stranger_without_a_file_is_left_alone(play: Play) -> None:
    async def story(house: House) -> None:
        stranger = house.model.put_in("eth9")
        house.listen()
        house.take(stranger.link)
        assert not house.model.device("eth9").link.is_up

    assert "attach" not in play(story).kinds()


def test_attach_of_a_stranger_without_a_file_is_refused(play: Play) -> None:
    async def story(house: House) -> None:
        house.model.put_in("eth9")
        house.listen()
        with pytest.raises(Vetoed, match=r"^eth9: managed: there is no /etc/hostname\.eth9"):
            await house.coordination.attach("eth9", ROOT)

    assert "attach" not in play(story).kinds()


def test_faults_of_a_device_that_appears_are_told_and_shown(play: Play) -> None:
    async def story(house: House) -> None:
        house.files.hostname["/etc/hostname.eth9"] = "192.168.85.29/24 group test frobnicate\n"
        house.model.put_in("eth9")
        house.listen()
        house.take(house.model.device("eth9").link)
        told = [event.message for event in house.events if event.kind == "configuration"]
        assert [message.partition(": ")[0] for message in told] == ["/etc/hostname.eth9:1"]
        shown = {it.name: it.problem for it in house.coordination.status().interfaces}
        assert "rcmd --check" in shown["eth9"]
        house.files.hostname["/etc/hostname.eth9"] = "192.168.85.29/24 group test up\n"
        come_back(house, "eth9")
        shown = {it.name: it.problem for it in house.coordination.status().interfaces}
        assert "rcmd --check" not in shown["eth9"]

    play(story)


def test_attach_of_a_stranger_with_an_unreadable_file_says_so(play: Play) -> None:
    async def story(house: House) -> None:
        path = "/etc/hostname.eth9"
        house.files.hostname[path] = ""
        fault = Fault(path, 1, "not a regular file")
        loaded = Loaded(Configuration(), (fault,), frozenset({"eth9"}))

        async def read() -> Loaded:
            return loaded

        house.daemon.read_configuration = read
        house.model.put_in("eth9")
        house.listen()
        with pytest.raises(ConfigurationError, match=r"eth9: its hostname file has faults"):
            await house.coordination.attach("eth9", ROOT)

    assert "/etc/hostname.eth9:1: not a regular file" in [it.message for it in play(story).events]


def test_attach_means_configured_as_the_file_says(play: Play) -> None:
    """The file went, and came back: with it the configuration."""

    async def story(house: House) -> None:
        before = house.model.layout()
        await house.coordination.detach("hme0", ROOT, force=False)
        file = house.files.hostname.pop("/etc/hostname.hme0")
        await house.coordination.attach("hme0", ROOT)
        assert hosts(house, "192.168.85.19") == ["hme1"]
        house.files.hostname["/etc/hostname.hme0"] = file
        await house.coordination.attach("hme0", ROOT)
        house.listen()
        assert house.model.layout() == before
        moves = len(house.kernel.moves)
        await house.coordination.attach("hme0", ROOT)
        assert len(house.kernel.moves) == moves

    play(story)


def test_attach_takes_the_file_of_one_in_use_as_it_is_now(play: Play) -> None:
    async def story(house: House) -> None:
        more = HME0 + "addif 192.168.85.29/24 up\n"
        house.files.hostname["/etc/hostname.hme0"] = more
        await house.coordination.attach("hme0", ROOT)
        assert hosts(house, "192.168.85.29") == ["hme0"]
        house.files.hostname["/etc/hostname.hme0"] = HME0
        await house.coordination.attach("hme0", ROOT)
        house.listen()
        assert hosts(house, "192.168.85.29") == []
        house.files.hostname["/etc/hostname.hme0"] = "192.168.85.19/24 up\n"
        await house.coordination.attach("hme0", ROOT)
        assert state_group(house, "hme0") == ""
        assert house.devices.restored == [{"net/ipv4/conf/hme0/arp_ignore": "0"}]

    play(story)


def state_group(house: House, name: str) -> str:
    return next(it.group for it in house.coordination.status().interfaces if it.name == name)


@pytest.mark.parametrize("is_detached", [False, True])
def test_attach_with_a_faulty_file_fails_with_the_fault(play: Play, is_detached: bool) -> None:
    async def story(house: House) -> None:
        if is_detached:
            await house.coordination.detach("hme0", ROOT, force=False)
        before = house.model.layout()
        house.files.hostname["/etc/hostname.hme0"] = HME0 + "frobnicate 1.2.3.4\n"
        with pytest.raises(ConfigurationError) as caught:
            await house.coordination.attach("hme0", ROOT)
        first, second = str(caught.value).splitlines()
        assert first == "hme0: its hostname file has faults:"
        assert second.startswith("/etc/hostname.hme0:3: ")
        assert house.model.layout() == before
        house.files.hostname["/etc/hostname.hme0"] = HME0
        await house.coordination.attach("hme0", ROOT)

    play(story)


def test_attach_says_what_was_refused(play: Play) -> None:
    async def story(house: House) -> None:
        await house.coordination.detach("hme0", ROOT, force=False)
        house.devices.refusal = "up: Device or resource busy"
        with pytest.raises(RcmError, match="hme0 could not be plumbed: up: Device or resource"):
            await house.coordination.attach("hme0", ROOT)
        with pytest.raises(RcmError, match="hme0 could not be plumbed: up: Device or resource"):
            await house.coordination.attach("hme0", ROOT)
        house.devices.refusal = ""
        await house.coordination.attach("hme0", ROOT)
        house.listen()
        assert house.model.device("hme0").link.is_up

    play(story)


def test_attach_of_a_nic_without_a_cable_is_done_and_says_so(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rcmd.rcm.operations.attach_request.SETTLE_S", 0.1)

    async def story(house: House) -> None:
        await house.coordination.detach("hme0", ROOT, force=False)
        house.model.set_cable("hme0", False)
        house.listen()
        await house.coordination.attach("hme0", ROOT)

    assert play(story).events[-1].message.startswith("hme0 was attached on request")


def test_attach_survives_a_kernel_that_cannot_be_read(play: Play) -> None:
    async def story(house: House) -> None:
        await house.coordination.detach("hme0", ROOT, force=False)
        house.kernel.overruns = 1
        await house.coordination.attach("hme0", ROOT)
        assert hosts(house, "192.168.85.19") == ["hme0"]

    play(story)


def test_attach_on_request(play: Play) -> None:
    # behaviour 124
    async def story(house: House) -> None:
        before = house.model.layout()
        await house.coordination.attach("hme0", ROOT)
        assert house.kinds() == []
        await house.coordination.detach("hme0", ROOT, force=False)
        house.take(house.model.device("hme0").link)
        assert house.model.layout() != before
        await house.coordination.attach("hme0", ROOT)
        house.listen()
        assert house.model.layout() == before
        with pytest.raises(NoSuchResource):
            await house.coordination.attach("hme7", ROOT)

    play(story)


def test_attach_of_what_is_not_there(play: Play) -> None:
    async def story(house: House) -> None:
        with pytest.raises(NoSuchResource, match="there is no such device"):
            await house.coordination.attach("hme1", ROOT)

    house = play(story, nics=("hme0",))
    # behaviours 92, 96: missing at boot
    assert hosts(house, "192.168.85.20") == ["hme0"]
    assert hosts(house, "192.168.85.22") == []


class Booting:
    """A machine on which nothing but the end of the boot matters."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.fed: list[object] = []

    def feed(self, event: object) -> None:
        self.fed.append(event)


@pytest.mark.parametrize(
    ("answers", "polls"),
    [((True, True, True), 3), ((True, False, True, True, True), 5), ((None,) * 99, None)],
)
def test_boot_is_over_when_udev_has_been_idle_for_a_while(
    answers: tuple[bool | None, ...], polls: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rcmd.daemon.boot.POLL_S", 0.001)
    asked = 0

    def has_settled() -> bool | None:
        nonlocal asked
        asked += 1
        return answers[asked - 1]

    async def main() -> None:
        house = House(files=PAIR, nics=("hme0",))
        house.daemon.engine.scene.has_settled = False
        await settle(house.daemon, has_settled, 0.02 if polls is None else 10)
        assert house.daemon.engine.scene.has_settled

    asyncio.run(main())
    assert polls is None or asked == polls


def test_boot_is_over_at_once_when_everything_is_there() -> None:
    async def main() -> None:
        house = House(files=PAIR)
        house.daemon.engine.scene.has_settled = False
        await settle(house.daemon, lambda: pytest.fail("nobody has to be asked"), 10)

    asyncio.run(main())


def test_undo_goes_backwards() -> None:
    done: list[int] = []

    async def main() -> None:
        undo = UndoStack()
        for number in (1, 2, 3):

            async def step(number: int = number) -> None:
                done.append(number)

            undo.push(step)
        await undo.unwind()
        await undo.unwind()

    asyncio.run(main())
    assert done == [3, 2, 1]


MAC = "02:00:00:00:aa:01"


def swap_card(house: House, name: str, mac: str, place: str) -> None:
    """hme0 goes, and something comes under another name."""
    old = house.model.device("hme0").link.hardware_address
    house.model.tear_out("hme0")
    house.model.forget("hme0")
    house.listen()
    house.devices.bus_paths[name] = place
    house.model.put_in(name, mac=mac or old)
    house.listen()
    house.take(house.model.device(name).link)
    house.listen()


@pytest.mark.parametrize(
    ("mac", "place", "told"),
    [
        (
            "",
            "pci:0000:03:00.0",
            "eth5 is the NIC that was known as hme0 (02:00:00:00:00:04, pci:0000:03:00.0)",
        ),
        (
            "",
            "pci:0000:09:00.0",
            "eth5 is the NIC that was known as hme0, in another place"
            " (02:00:00:00:00:04, pci:0000:09:00.0)",
        ),
        (MAC, "pci:0000:03:00.0", f"eth5 is in the place of hme0 ({MAC}, pci:0000:03:00.0)"),
    ],
)
@pytest.mark.parametrize("has_file", [False, True])
def test_nic_that_returns_under_another_name_is_recognised(
    mac: str, place: str, told: str, has_file: bool
) -> None:
    # rcmd(8): known by its permanent hardware address, its place on the bus or its name
    async def main() -> House:
        house = House(bus_paths={"hme0": "pci:0000:03:00.0"})
        for name in ("hme0", "hme1"):
            house.attacher.know(name)
        if has_file:
            house.files.hostname["/etc/hostname.eth5"] = HME0.replace(".19", ".29")
        swap_card(house, "eth5", mac, place)
        return house

    house = asyncio.run(main())
    events = [it for it in house.events if it.kind == "recognised"]
    advice = (
        "it is configured from /etc/hostname.eth5 now"
        if has_file
        else "there is no /etc/hostname.eth5: rename the file of hme0, or the device"
    )
    assert [it.message for it in events] == [f"{told}; {advice}"]
    assert [it.severity for it in events] == [5]


def test_a_container_host_asks_no_driver(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking waits for whoever keeps the kernel busy with devices."""
    asked: list[str] = []
    identify = ModelDevices.identify

    def noted(devices: ModelDevices, name: str) -> Identity:
        asked.append(name)
        return identify(devices, name)

    async def story(house: House) -> None:
        for name in ("hme0", "hme1"):
            house.attacher.know(name)
        asked.clear()
        stranger = house.model.put_in("eth5").link
        house.listen()
        house.take(stranger)
        # Even where one of ours is away: it is made up by the kernel.
        house.model.tear_out("hme1")
        house.model.forget("hme1")
        house.listen()
        made_up = house.model.put_in("veth5")
        made_up.link = replace(made_up.link, kind="veth")
        house.listen()
        house.take(made_up.link)

    monkeypatch.setattr(ModelDevices, "identify", noted)
    play(story)
    assert asked == []


def test_nic_that_has_moved_while_nobody_looked_is_recognised(play: Play) -> None:
    """The machine was off, and the card is in another slot now, where there is a file for it."""

    async def story(house: House) -> None:
        for name in ("hme0", "hme1"):
            house.attacher.know(name)
        mac = house.model.device("hme0").link.hardware_address
        house.model.tear_out("hme0")
        house.model.forget("hme0")
        house.files.hostname["/etc/hostname.eth5"] = HME0.replace(".19", ".29")
        house.model.put_in("eth5", mac=mac)
        house.listen()
        links = house.attacher.machine.engine.scene.view.links.values()
        house.attacher.start(links, house.files.load().configuration)

    told = [it.message for it in play(story).events if it.kind == "recognised"]
    assert len(told) == 1
    assert told[0].startswith("eth5 is the NIC that was known as hme0")
    assert told[0].endswith("it is configured from /etc/hostname.eth5 now")


def test_nobody_is_recognised_in_a_stranger(play: Play) -> None:
    async def story(house: House) -> None:
        for name in ("hme0", "hme1"):
            house.attacher.know(name)
        swap_card(house, "eth5", MAC, "pci:0000:0a:00.0")
        # Two ports of one card, or a clone of a MAC: the other is there as well.
        house.model.put_in("eth6", mac=house.model.device("hme1").link.hardware_address)
        house.listen()
        house.take(house.model.device("eth6").link)

    assert "recognised" not in play(story).kinds()
