"""All RCM scripts, as clients of the transactions (solaris.md 4.7).

Decisions where Linux or the contract differ from Solaris:

- Scripts register shell patterns of resource names as rcmd has them (`eth*`, `pci:*`, `ip:*`, `*`),
  like clients on the bus.  `/devices/...` and `SUNW_...` names are reported and never asked about.
- A script that is installed, replaced or removed is noticed at the next question; no restart.
- A script that cannot be loaded, or must not be run, is not used: it refuses nothing.  It is listed
  as refused, and reported as an error, once.
- A script that does not answer properly when it is asked counts as a refusal, with that reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from rcmd.errors import Veto
from rcmd.ports.script import ScriptStatus
from rcmd.ports.script_protocol import Command
from rcmd.ports.scripts import AskedMemory, Runner
from rcmd.rcm.clients.removal_queue import RemovalQueue
from rcmd.rcm.clients.script_client import ScriptClient

log = logging.getLogger(__name__)

RESYNC_S = 5.0
"""Scripts are asked at most this often what they care about (solaris.md 4.4)."""


class Scripts:
    """Implements `rcmd.ports.coordinator.Clients`."""

    def __init__(
        self,
        runner: Runner,
        memory: AskedMemory,
        timeout_s: Callable[[], float],
        *,
        resync_s: float = RESYNC_S,
    ) -> None:
        """`timeout_s` tells how long a command may take that sets no limit of its own, now."""
        self._runner = runner
        self._queue = RemovalQueue(memory)
        self._timeout_s = timeout_s
        self._resync_s = resync_s
        self._scripts: dict[str, ScriptClient] = {}
        self._is_known = False
        """All that were there have been loaded once."""
        self._looking: asyncio.Task[None] | None = None
        self.on_change: list[Callable[[], None]] = []
        """Called whenever `awaited` has changed."""

    # --- who is there ---

    async def sync(self) -> None:
        """Load what is new or changed, and ask the others again what they care about."""
        await self._look_once()
        async with asyncio.TaskGroup() as group:
            for script in self._scripts.values():
                group.create_task(script.learn(self._resync_s))
        self._is_known = True

    def reload(self) -> None:
        """Load all of them anew at the next question, those that were refused too."""
        for script in self._scripts.values():
            script.forget_load()

    def statuses(self) -> tuple[ScriptStatus, ...]:
        return tuple(self._scripts[name].status() for name in sorted(self._scripts))

    async def _sync_once(self) -> None:
        """A daemon that comes back may have an outcome to tell before it has asked anything."""
        if not self._is_known:
            await self.sync()

    async def _look_once(self) -> None:
        """Look what is there, once for all the questions that one operation asks at once."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        self._looking = None
        files = {file.name: file for file in self._runner.survey()}
        for name in self._scripts.keys() - files.keys():
            log.info("script %s is gone", name)
            del self._scripts[name]
        for name, file in files.items():
            known = self._scripts.get(name)
            if known is None:
                self._scripts[name] = ScriptClient(
                    file, self._runner, self._queue, self._timeout_s, self._changed
                )
            else:
                known.file = file

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()

    # --- what the transactions ask (rcmd.ports.coordinator.Clients) ---

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        await self.sync()
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(script.query_remove(resource, force=force))
                for script in self._concerned(resource)
            ]
        return _vetoes(answers)

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        await self._sync_once()
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(script.pre_remove(resource, force=force))
                for script in self._concerned(resource)
            ]
        return _vetoes(answers)

    async def post_remove(self, resource: str) -> None:
        await self._tell(Command.POSTREMOVE, resource)

    async def undo_remove(self, resource: str) -> None:
        await self._tell(Command.UNDOREMOVE, resource)

    def awaited(self) -> tuple[str, ...]:
        return tuple(name for name in sorted(self._scripts) if self._scripts[name].is_busy)

    def pending(self) -> tuple[str, ...]:
        return self._queue.resources()

    async def usages(self, resource: str) -> tuple[str, ...]:
        await self.sync()
        concerned = self._concerned(resource)
        async with asyncio.TaskGroup() as group:
            texts = [group.create_task(script.usage(resource)) for script in concerned]
        pairs = zip(concerned, texts, strict=True)
        return tuple(
            f"{resource}: {it.name}: {text.result()}" for it, text in pairs if text.result()
        )

    async def _tell(self, command: Command, resource: str) -> None:
        """Whoever was told to let go, and nobody else, whatever it cares about by now."""
        await self._sync_once()
        async with asyncio.TaskGroup() as group:
            for name in self._queue.asked_about(resource):
                script = self._scripts.get(name)
                if script is None:
                    log.error("script %s is gone: it is not told %s %s", name, command, resource)
                    self._queue.discard(name, resource)
                else:
                    group.create_task(script.tell(command, resource))

    def _concerned(self, resource: str) -> list[ScriptClient]:
        names = sorted(self._scripts)
        return [self._scripts[it] for it in names if self._scripts[it].cares_about(resource)]


def _vetoes(answers: list[asyncio.Task[Veto | None]]) -> tuple[Veto, ...]:
    return tuple(veto for veto in (answer.result() for answer in answers) if veto is not None)
