"""Takes hardware away and brings it back, by way of sysfs.

A write into sysfs lasts as long as the driver takes to let go, and no signal ends it if the driver
hangs.  So a child process writes, and is given up when its time is over: neither the loop nor the
end of this process waits for it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from pathlib import Path

from rcmd.foreign_text import from_bytes
from rcmd.platform.hardware.reading import survey
from rcmd.platform.hardware.sysfs_writes import Errand, errand_for
from rcmd.ports.hardware import Hardware, HardwareFailed, HardwareStep

_log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""A driver that lets go at all does it in a second or two; QEMU's and real slots in five."""
_POLL_S = 0.02
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class SysfsControl:
    """Implements `ports.hardware.HardwareControl`."""

    def __init__(self, root: Path = Path("/sys"), *, timeout_s: float = TIMEOUT_S) -> None:
        self._root = root
        self._timeout_s = timeout_s
        self.given_up: set[asyncio.Task[int]] = set()
        """Each waits for a child that may never end, so that it is reaped if it does."""

    def survey(self) -> Hardware:
        return survey(self._root)

    def obstacles(self, step: HardwareStep) -> tuple[str, ...]:
        """Nothing stands in the way of what is done already, or is being done by others."""
        errand = errand_for(step, self._root)
        if errand.is_done():
            return ()
        try:
            flags = os.statvfs(errand.file).f_flag
        except OSError as error:
            # Looked at again: the device may have gone between the two looks.
            if errand.is_done():
                return ()
            is_absent = error.errno == errno.ENOENT
            return (errand.absence if is_absent else f"{errand.failure}: {error.strerror}",)
        if flags & os.ST_RDONLY:
            return (f"{errand.failure}: sysfs is mounted read-only",)
        if not os.access(errand.file, os.W_OK):
            return (f"{errand.failure}: rcmd may not write {errand.file}",)
        return ()

    async def perform(self, step: HardwareStep) -> None:
        """Raises HardwareFailed, with the kernel's words where it gave any.

        What has been done already is not done again.
        """
        errand = errand_for(step, self._root)
        if errand.is_done():
            return
        late = f"its driver is not there after {self._timeout_s:g} s"
        try:
            async with asyncio.timeout(self._timeout_s):
                await _until_possible(errand)
                if not _is_there(errand.file):
                    raise HardwareFailed(errand.absence)
                late = f"still not done after {self._timeout_s:g} s: the driver hangs"
                for word in errand.words:
                    await self._write(errand, word)
                late = f"the kernel agreed, but it is not done after {self._timeout_s:g} s"
                await _until_done(errand)
        except TimeoutError as error:
            raise HardwareFailed(f"{errand.failure}: {late}") from error

    async def _write(self, errand: Errand, word: str) -> None:
        try:
            child = await asyncio.create_subprocess_exec(
                "dd",
                f"of={errand.file}",
                "conv=nocreat,notrunc",
                "status=none",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=_ENVIRONMENT,
            )
        except OSError as error:
            raise HardwareFailed(f"{errand.failure}: dd: {error.strerror}") from error
        try:
            _, said = await child.communicate(word.encode())
        finally:
            if child.returncode is None:
                self._give_up(child)
        if child.returncode:
            raise HardwareFailed(f"{errand.failure}: {_reason(said) or 'dd was killed'}")

    def _give_up(self, child: asyncio.subprocess.Process) -> None:
        _log.warning("a write into sysfs hangs; process %d is given up", child.pid)
        child.kill()
        task = asyncio.get_running_loop().create_task(child.wait())
        self.given_up.add(task)
        task.add_done_callback(self.given_up.discard)


def _is_there(file: Path) -> bool:
    try:
        file.stat()
    except OSError:
        return False
    return True


async def _until_possible(errand: Errand) -> None:
    while errand.is_possible is not None and not errand.is_possible():  # noqa: ASYNC110 - as below
        await asyncio.sleep(_POLL_S)


async def _until_done(errand: Errand) -> None:
    """Some drivers agree first and let go later."""
    if errand.is_awaited:
        while not errand.is_done():  # noqa: ASYNC110 - sysfs tells nobody
            await asyncio.sleep(_POLL_S)


def _reason(said: bytes) -> str:
    """`dd: error writing '/sys/...': No such device` -> `No such device`."""
    lines = from_bytes(said).strip().splitlines()
    return lines[-1].rpartition(": ")[2] if lines else ""
