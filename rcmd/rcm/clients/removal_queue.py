"""Who was told to let go of what, until they are told what became of it (solaris.md 4.7).

While a script has let go of something, its list of resources stays as it is: `register` waits.
"""

from __future__ import annotations

from rcmd.ports.scripts import Asked, AskedMemory


class RemovalQueue:
    """Outlives the daemon, so that one that comes back can tell them the outcome."""

    def __init__(self, memory: AskedMemory) -> None:
        self._memory = memory
        # They hold up no register: whether anybody ever tells their outcome is not known.
        self._entries = {(it.script, it.resource): False for it in memory.recall()}

    def add(self, script: str, resource: str) -> None:
        """It is being told to let go; it may do so, or refuse."""
        self._entries[script, resource] = False
        self._keep()

    def release(self, script: str, resource: str) -> None:
        """It did let go."""
        self._entries[script, resource] = True
        self._keep()

    def discard(self, script: str, resource: str) -> None:
        """It knows the outcome."""
        if self._entries.pop((script, resource), None) is not None:
            self._keep()

    def asked_about(self, resource: str) -> tuple[str, ...]:
        """The scripts that wait for the outcome."""
        return tuple(script for script, name in self._entries if name == resource)

    def resources(self) -> tuple[str, ...]:
        """What somebody waits for the outcome of, in the order of asking."""
        return tuple(dict.fromkeys(resource for _, resource in self._entries))

    def has_released(self, script: str) -> bool:
        """Whether it has let go of anything."""
        return any(it for (name, _), it in self._entries.items() if name == script)

    def _keep(self) -> None:
        rows = (Asked(script, name, it) for (script, name), it in self._entries.items())
        self._memory.keep(tuple(rows))
