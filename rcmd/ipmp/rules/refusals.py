"""What the kernel would not do, and when it is asked again.

A refusal counts where things are placed, so that what one member refuses goes to the next one at
once.  But its cause may be gone at any moment:

| since the refusal                            | asked again                               |
|----------------------------------------------|-------------------------------------------|
| nothing                                      | after 0.2 s; after 1 s more; at each look |
| something happened to what it may depend on  | 0.2 s after that; 1 s if refused again    |
| a look at everything, whoever asks for it    | at once                                   |

Not at once: who adds an address by hand may be about to add its routes, too.  What is accepted, or
seen to be there, is forgotten; so is what nobody asks for any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

PAUSES_S = (0.2, 1.0)
"""Until the kernel is asked again, by how often it has refused."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Refusal:
    reason: str
    until: float
    """When to ask again."""
    times: int = 1
    """In a row."""
    is_in_force: bool = True


@dataclass(slots=True)
class Refusals(Generic[Key]):
    """Time comes in as `now`, in seconds."""

    _known: dict[Key, _Refusal] = field(default_factory=dict)
    revision: int = 0
    """Grows whenever others are in force."""

    def copy(self) -> Refusals[Key]:
        """One that can be changed without a change to this one."""
        return Refusals({key: replace(it) for key, it in self._known.items()}, self.revision)

    def refuse(self, key: Key, reason: str, now: float) -> int:
        """The kernel would not; how often in a row that is."""
        before = self._known.get(key)
        times = before.times + 1 if before else 1
        pause_s = PAUSES_S[times - 1] if times <= len(PAUSES_S) else math.inf
        self._known[key] = _Refusal(reason, now + pause_s, times)
        self.revision += 1
        return times

    def accept(self, key: Key) -> None:
        if self._known.pop(key, None) is not None:
            self.revision += 1

    def forget(self, is_meant: Callable[[Key], bool] = lambda _: True) -> None:
        """It is as if these had never been asked for."""
        for key in [key for key in self._known if is_meant(key)]:
            del self._known[key]
            self.revision += 1

    def hint(self, is_meant: Callable[[Key], bool], now: float) -> None:
        """Something happened: they may be accepted soon."""
        for key, it in self._known.items():
            if it.is_in_force and is_meant(key):
                it.until = min(it.until, now + PAUSES_S[min(it.times, len(PAUSES_S)) - 1])

    def look(self, is_meant: Callable[[Key], bool] = lambda _: True) -> None:
        """These are asked for anew; what has not been since the last time is not wanted."""
        meant = [(key, it) for key, it in self._known.items() if is_meant(key)]
        for key, it in meant:
            if not it.is_in_force:
                del self._known[key]
            it.is_in_force = False
        self.revision += 1

    def due(self, now: float) -> list[Key]:
        """Those that are to be asked for again, from now on."""
        found = [key for key, it in self._known.items() if it.is_in_force and it.until <= now]
        for key in found:
            self._known[key].is_in_force = False
            self.revision += 1
        return found

    def deadline(self) -> float | None:
        """When the next one is due."""
        earliest = min((it.until for it in self._known.values() if it.is_in_force), default=None)
        return None if earliest == math.inf else earliest

    def __contains__(self, key: object) -> bool:
        """Whether it is not to be asked for now."""
        found = self._known.get(key)  # type: ignore[arg-type]
        return found is not None and found.is_in_force

    def is_awaited(self, key: Key) -> bool:
        """Whether it is to be asked for again now."""
        found = self._known.get(key)
        return found is not None and not found.is_in_force

    def reason(self, key: Key) -> str:
        """Why the kernel would not when it was last asked; empty if it would."""
        found = self._known.get(key)
        return found.reason if found else ""

    def __bool__(self) -> bool:
        return bool(self._known)

    def items(self) -> Iterator[tuple[Key, str]]:
        """Those in force, with the reason."""
        return ((key, it.reason) for key, it in self._known.items() if it.is_in_force)
