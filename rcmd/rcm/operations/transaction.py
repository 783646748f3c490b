"""The steps back, kept while an operation goes forward."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rcmd.errors import RcmError

Step = Callable[[], Awaitable[None]]


class UndoStack:
    """Collects how to undo each step; `unwind` does it in reverse."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def push(self, step: Step) -> None:
        self._steps.append(step)

    async def unwind(self) -> list[str]:
        """All of them, whichever fails; what failed, in sentences."""
        failures: list[str] = []
        while self._steps:
            try:
                await self._steps.pop()()
            except RcmError as error:
                failures.append(str(error))
        return failures
