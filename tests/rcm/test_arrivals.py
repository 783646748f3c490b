"""Devices appear while others do, and their files are read beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rcmd.configuration import Loaded
from rcmd.model.network import Link
from rcmd.rcm.operations.arrivals import Arrivals

from .house import House

Play = Callable[..., House]
FILE = "/etc/hostname.eth9"
TEXT = "192.168.85.29/24 group test up\n"


class Desk:
    """Where files are read as slowly as is wanted."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.may_answer = asyncio.Event()
        self.readings = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.arrivals = Arrivals(house.attacher, self.spawn)
        house.daemon.read_configuration = self.read  # type: ignore[method-assign]

    async def read(self) -> Loaded:
        self.readings += 1
        loaded = self.house.files.load()
        await self.may_answer.wait()
        return loaded

    def spawn(self, work, name: str) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(work, name=name))

    async def answer(self) -> None:
        self.may_answer.set()
        await asyncio.gather(*self.tasks)

    def put_in(self, name: str) -> Link:
        self.house.model.put_in(name)
        self.house.listen()
        return self.house.model.device(name).link


def is_managed(house: House, name: str) -> bool:
    return house.daemon.engine.scene.members.get(name) is not None


def test_for_a_stranger_without_a_file_nothing_is_read(play: Play) -> None:
    async def story(house: House) -> None:
        desk = Desk(house)
        link = desk.put_in("veth1234")
        desk.arrivals.take(link)
        assert desk.readings == 0
        assert not house.attacher.is_wanted(link)

    play(story)


def test_the_files_of_a_device_are_read_once_however_much_is_heard_of_it(play: Play) -> None:
    async def story(house: House) -> None:
        house.files.hostname[FILE] = TEXT
        desk = Desk(house)
        link = desk.put_in("eth9")
        for _ in range(100):
            desk.arrivals.take(link)
        await asyncio.sleep(0)
        assert not is_managed(house, "eth9")
        await desk.answer()
        assert desk.readings == 1
        assert is_managed(house, "eth9")
        assert house.kinds().count("attach") == 1

    play(story)


def test_one_that_has_gone_while_its_files_were_read_is_not_taken(play: Play) -> None:
    async def story(house: House) -> None:
        house.files.hostname[FILE] = TEXT
        desk = Desk(house)
        desk.arrivals.take(desk.put_in("eth9"))
        await asyncio.sleep(0)
        house.model.tear_out("eth9")
        house.model.forget("eth9")
        house.listen()
        await desk.answer()
        assert not is_managed(house, "eth9")

    play(story)


def test_one_that_an_operation_works_on_meanwhile_is_left_to_it(play: Play) -> None:
    async def story(house: House) -> None:
        house.files.hostname[FILE] = TEXT
        desk = Desk(house)
        link = desk.put_in("eth9")
        desk.arrivals.take(link)
        await asyncio.sleep(0)
        house.attacher.is_held = lambda name: name == "eth9"
        await desk.answer()
        assert not is_managed(house, "eth9")
        # When it is let go, it is looked at as if it had come just now.
        house.attacher.is_held = lambda _: False
        desk.arrivals.take(link)
        await desk.answer()
        assert is_managed(house, "eth9")

    play(story)
