"""A disk that stands still for seconds: the detach waits for it, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from failing_tables import SlowTables

from rcmd.errors import RolledBack
from rcmd.platform.store.store import Store
from rcmd.ports.store import Step

from .house import PAIR, ROOT, House

Play = Callable[..., House]


async def stand_still(house: House, tables: SlowTables) -> asyncio.Task[object]:
    """A detach is under way, and the disk does not take the step that it is about to do."""
    house.store.write_behind(lambda _: None)
    await house.store.on_disk()
    tables.gate.clear()
    tables.is_at_gate.clear()
    detach = asyncio.ensure_future(house.coordination.detach("hme0", ROOT, force=False))
    while not (tables.is_at_gate.is_set() and waits_for_the_disk(house)):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return detach


def waits_for_the_disk(house: House) -> bool:
    return any("the disk" in it.waiting_for for it in house.coordination.operations())


def hosts(house: House, address: str) -> list[str]:
    return house.model.hosts(ip_address(address))


def test_failover_goes_on_while_the_disk_stands_still(play: Play) -> None:
    tables = SlowTables()

    async def story(house: House) -> None:
        detach = await stand_still(house, tables)
        assert hosts(house, "192.168.85.19") == ["hme0"]
        house.model.set_cable("hme0", has_cable=False)
        house.listen()
        assert hosts(house, "192.168.85.19") == ["hme1"]
        for _ in range(20):
            await asyncio.sleep(0)
        assert not detach.done()
        tables.gate.set()
        await detach
        await house.store.end()

    play(story, files=PAIR, store=Store(tables, "boot"))


def test_no_step_is_done_before_it_is_on_disk(play: Play) -> None:
    tables = SlowTables()

    async def story(house: House) -> None:
        detach = await stand_still(house, tables)
        (status,) = house.coordination.operations()
        assert status.operation.step is Step.PREPARING
        assert not any(call[0] == "pre_remove" for call in house.clients.calls)
        layout = house.model.layout()
        tables.gate.set()
        await detach
        assert house.model.layout() != layout
        await house.store.end()

    play(story, files=PAIR, store=Store(tables, "boot"))


def test_whoever_waits_for_the_disk_can_be_cancelled(play: Play) -> None:
    tables = SlowTables()

    async def story(house: House) -> None:
        layout = house.model.layout()
        detach = await stand_still(house, tables)
        (status,) = house.coordination.operations()
        await house.coordination.cancel(status.operation.number, ROOT)
        with pytest.raises(RolledBack, match="cancelled by uid 0"):
            await detach
        assert house.model.layout() == layout
        assert house.store.unfinished() == ()
        tables.gate.set()
        await house.store.end()

    play(story, files=PAIR, store=Store(tables, "boot"))
