"""Files are read beside the loop, one reading at a time, and never as they were before."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable

import pytest

from rcmd.configuration import ConfigurationFiles, Loaded
from rcmd.daemon import configuration_reader
from rcmd.daemon.configuration_reader import ConfigurationReader, Reading, read_files
from rcmd.model.settings import Configuration


class Disk:
    """Answers when it is told to; each reading finds what is there when it begins."""

    def __init__(self) -> None:
        self.content = "first"
        self.begun = 0
        self.known: list[str] = []
        self._may_end = threading.Semaphore(0)

    def read(self) -> Reading:
        found = self.content
        self.begun += 1
        assert self._may_end.acquire(timeout=30)
        return Reading(found, Loaded(Configuration()))

    def know(self, reading: Reading) -> None:
        self.known.append(reading.settings)

    def answer(self) -> None:
        self._may_end.release()


def play(story: Callable[[Disk, ConfigurationReader], object]) -> Disk:
    disk = Disk()

    async def main() -> None:
        async with asyncio.timeout(30):
            await story(disk, ConfigurationReader(disk.know, disk.read))

    asyncio.run(main())
    return disk


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_the_loop_goes_on_while_files_are_read() -> None:
    async def story(disk: Disk, reader: ConfigurationReader) -> None:
        reading = asyncio.create_task(reader.read())
        await until(lambda: disk.begun == 1)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not reading.done()
        disk.answer()
        await reading

    assert play(story).known == ["first"]


def test_who_asks_meanwhile_shares_the_next_reading() -> None:
    async def story(disk: Disk, reader: ConfigurationReader) -> None:
        early = asyncio.create_task(reader.read())
        await until(lambda: disk.begun == 1)
        disk.content = "second"
        late = [asyncio.create_task(reader.read()) for _ in range(50)]
        disk.answer()
        await early
        await until(lambda: disk.begun == 2)
        disk.answer()
        await asyncio.gather(*late)

    assert play(story).known == ["first", "second"]


def test_who_loses_patience_takes_nobody_along() -> None:
    async def story(disk: Disk, reader: ConfigurationReader) -> None:
        impatient, patient = (asyncio.create_task(reader.read()) for _ in range(2))
        await until(lambda: disk.begun == 1)
        impatient.cancel()
        disk.answer()
        await patient
        assert impatient.cancelled()

    assert play(story).begun == 1


def test_a_reading_that_fails_is_that_of_those_who_asked_for_it() -> None:
    async def story(disk: Disk, reader: ConfigurationReader) -> None:
        def fail() -> Reading:
            raise RuntimeError("impossible")

        reader._read = fail
        with pytest.raises(RuntimeError, match="impossible"):
            await reader.read()
        reader._read = disk.read
        disk.answer()
        await reader.read()

    assert play(story).known == ["first"]


def test_no_garbage_is_looked_for_while_files_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def read_tree() -> ConfigurationFiles:
        seen.append(gc.isenabled())
        return ConfigurationFiles(settings="failback: no\n")

    monkeypatch.setattr(configuration_reader, "read_tree", read_tree)
    reading = read_files()
    assert reading.settings == "failback: no\n"
    assert not reading.loaded.configuration.settings.default_group.failback
    assert seen == [False]
    assert gc.isenabled()
