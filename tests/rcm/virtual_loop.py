"""A loop whose clock stands still while something is ready, and then jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

NO_END = 100
"""So often at most a coroutine is told to end; each `await` on its way out costs one."""


class Killed(SystemExit):
    """The process ends here: unlike any other error, it leaves the loop at once, from anywhere."""


class _Jumping(selectors.SelectSelector):
    """Waits for nobody: what it is asked to wait for is only time."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.now = now
        self.on_turn: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.on_turn()
        assert timeout is not None, "everybody waits, and nothing will ever happen"
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """One process.  Deterministic: no file and no clock of the machine is looked at."""

    def __init__(self, now: float, on_turn: Callable[[], None]) -> None:
        """`on_turn` is called once for every turn, and may end it all with `Killed`."""
        self._jumping = _Jumping(now)
        self._jumping.on_turn = on_turn
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def live(self, main: Coroutine[Any, Any, None]) -> None:
        """Run to the end, or to where it is killed: then nothing gets another turn."""
        try:
            self.run_until_complete(main)
        finally:
            self._jumping.on_turn = lambda: None
            self._bury()
            self.close()

    def _bury(self) -> None:
        self.set_exception_handler(lambda *_: None)
        for task in asyncio.all_tasks(self):
            coroutine = task.get_coro()
            assert coroutine is not None
            for _ in range(NO_END):
                try:
                    coroutine.close()
                except RuntimeError:
                    # It awaits something on its way out.
                    continue
                except Killed:
                    # What it would do on its way out touches a world that it has left.
                    pass
                break
