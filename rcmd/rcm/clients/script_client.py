"""One RCM script: loaded, asked and told, one command at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase

from rcmd.errors import Veto
from rcmd.ports.script import ScriptRun, ScriptState, ScriptStatus
from rcmd.ports.script_protocol import (
    Answer,
    Command,
    ScriptFailed,
    ScriptInfo,
    ScriptSilent,
    name_problem,
)
from rcmd.ports.scripts import Request, Runner, ScriptFile
from rcmd.rcm.clients.removal_queue import RemovalQueue

log = logging.getLogger(__name__)

_QUESTIONS = frozenset({Command.QUERYREMOVE, Command.RESOURCEINFO})
"""Asked about everything that an operation is about at once.  Nobody is told anything by them, so
one that is not asked misses nothing."""


class ScriptClient:
    """A script that fails to load is not used, and says so; it is tried again when its file changes
    or the configuration is read again.

    Questions wait for their turn.  Once it was silent to one, those that waited meanwhile are not
    asked: each would cost its whole time limit again.
    """

    def __init__(
        self,
        file: ScriptFile,
        runner: Runner,
        queue: RemovalQueue,
        timeout_s: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        """`timeout_s` tells how long a command may take that sets no limit of its own, now;
        `changed` is called whenever `is_busy` has changed."""
        self.file = file
        self._runner = runner
        self._queue = queue
        self._default_timeout_s = timeout_s
        self._changed = changed
        self._loaded: ScriptFile | None = None
        self._info: ScriptInfo | None = None
        self._patterns: tuple[str, ...] = ()
        self._refusal = ""
        self._remark = ""
        self._last_run: ScriptRun | None = None
        self._registered_at: float | None = None
        self._learning = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._silences: dict[Command, ScriptSilent] = {}
        self._under_way = 0

    # --- what it is ---

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def is_loaded(self) -> bool:
        """As it is now, successfully or not."""
        return self._loaded == self.file

    @property
    def is_busy(self) -> bool:
        """A command is running or waits for its turn."""
        return self._under_way > 0

    def forget_load(self) -> None:
        self._loaded = None

    def cares_about(self, resource: str) -> bool:
        return not self._refusal and any(fnmatchcase(resource, it) for it in self._patterns)

    def status(self) -> ScriptStatus:
        state = ScriptState.REFUSED if self._refusal else ScriptState.READY
        return ScriptStatus(
            self.name,
            self.file.path,
            ScriptState.RUNNING if self.is_busy else state,
            self._info.description if self._info else "",
            self._timeout_s(),
            self._patterns,
            self._refusal or self._remark,
            self._last_run,
        )

    # --- loading ---

    async def learn(self, resync_s: float) -> None:
        """Load it if it is another one; ask what it cares about if that is `resync_s` old.

        One that is busy with a removal keeps what it had: that may take for ever.
        """
        async with self._learning:
            # Nothing is awaited between here and its turn.
            if self.is_busy and not self.file.problem:
                return
            if not self.is_loaded:
                await self._load()
            elif not self._refusal and self._is_older_than(resync_s):
                await self._ask_again()

    def _is_older_than(self, age_s: float) -> bool:
        now = asyncio.get_running_loop().time()
        return self._registered_at is None or now - self._registered_at >= age_s

    async def _load(self) -> None:
        """Learn what it is and what it cares about; what is wrong with it is told once."""
        file = self.file
        self._info = None
        try:
            if file.problem:
                raise ScriptFailed(f"rcm script {file.name}: {file.problem}")
            # One turn for both: nothing that takes longer comes in between.
            async with self._taking_its_turn():
                answer = await self._run_now(Command.SCRIPTINFO)
                self._info = _successful(answer, file.name, Command.SCRIPTINFO).info
                await self._register()
        except ScriptFailed as error:
            self._refusal = str(error)
            log.error("%s; the script is not used", error)
        else:
            self._refusal = ""
            log.info("script %s cares about %s", file.name, " ".join(self._patterns) or "nothing")
        self._loaded = file

    async def _ask_again(self) -> None:
        """If that fails, what was known is still true."""
        try:
            async with self._taking_its_turn():
                await self._register()
        except ScriptFailed as error:
            self._remark = str(error)
            log.error("%s; it keeps what it had registered", error)

    async def _register(self) -> None:
        if self._queue.has_released(self.name):
            return
        try:
            answer = _successful(await self._run_now(Command.REGISTER), self.name, Command.REGISTER)
        finally:
            self._registered_at = asyncio.get_running_loop().time()
        problems = {it: name_problem(it, self.name) for it in answer.resources}
        remark = "; ".join(problem for problem in problems.values() if problem)
        if remark and remark != self._remark:
            log.warning("%s", remark)
        self._remark = remark
        # It may have let go of something while it was asked.
        if not self._queue.has_released(self.name):
            self._patterns = tuple(it for it, problem in problems.items() if not problem)

    # --- what it is asked and told ---

    async def query_remove(self, resource: str, *, force: bool) -> Veto | None:
        return await self._ask(Command.QUERYREMOVE, resource, force=force)

    async def pre_remove(self, resource: str, *, force: bool) -> Veto | None:
        self._queue.add(self.name, resource)
        veto = await self._ask(Command.PREREMOVE, resource, force=force)
        if veto is None:
            self._queue.release(self.name, resource)
        return veto

    async def tell(self, command: Command, resource: str) -> None:
        """The outcome: `postremove` or `undoremove`.  It cannot be refused any more."""
        try:
            answer = await self._run(command, resource)
        except ScriptFailed as error:
            log.error("%s, after %s %s", error, command, resource)
        else:
            if answer.is_objection:
                log.error("script %s: %s %s: %s", self.name, command, resource, answer.reason)
        self._queue.discard(self.name, resource)

    async def usage(self, resource: str) -> str:
        """What it uses the resource for; empty if it does not say."""
        try:
            answer = await self._run(Command.RESOURCEINFO, resource)
        except ScriptFailed as error:
            log.error("%s, after %s %s", error, Command.RESOURCEINFO, resource)
            return ""
        return answer.usage

    async def _ask(self, command: Command, resource: str, *, force: bool) -> Veto | None:
        """No answer is a refusal too; a command that it does not know is fine with it."""
        try:
            answer = await self._run(command, resource, force=force)
        except ScriptFailed as error:
            return Veto(resource, self.name, str(error))
        return Veto(resource, self.name, answer.reason) if answer.is_objection else None

    async def _run(self, command: Command, resource: str = "", *, force: bool = False) -> Answer:
        """Raises ScriptFailed."""
        before = self._silences.get(command)
        async with self._taking_its_turn():
            silence = self._silences.get(command)
            if silence is not before:
                raise ScriptFailed(str(silence))
            try:
                return await self._run_now(command, resource, force=force)
            except ScriptSilent as error:
                if command in _QUESTIONS:
                    self._silences[command] = error
                raise

    @asynccontextmanager
    async def _taking_its_turn(self) -> AsyncIterator[None]:
        self._under_way += 1
        self._changed()
        try:
            async with self._turn:
                yield
        finally:
            self._under_way -= 1
            self._changed()

    async def _run_now(
        self, command: Command, resource: str = "", *, force: bool = False
    ) -> Answer:
        """In its turn only.  Raises ScriptFailed."""
        timeout_s = self._timeout_s()
        if command in (Command.SCRIPTINFO, Command.REGISTER):
            # Not untimed, as in solaris.md: one that hangs would hold up every removal for ever.
            timeout_s = timeout_s or self._default_timeout_s()
        request = Request(
            self.name,
            self.file.path,
            command,
            resource,
            is_forced=force,
            timeout_s=timeout_s,
        )
        outcome = "interrupted"
        try:
            answer = await self._runner.run(request)
            outcome = answer.reason if answer.is_objection else answer.outcome.value
        except ScriptFailed as error:
            outcome = str(error)
            raise
        finally:
            self._last_run = ScriptRun(command.value, resource, outcome, time.time_ns() // 1000)
        return answer

    def _timeout_s(self) -> float:
        if self._info is None or self._info.timeout_s is None:
            return self._default_timeout_s()
        return self._info.timeout_s


def _successful(answer: Answer, script: str, command: Command) -> Answer:
    """Raises ScriptFailed for one that is not."""
    if answer.is_objection:
        raise ScriptFailed(f"rcm script {script}: {command}: {answer.reason}")
    return answer
