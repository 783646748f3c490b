"""What is under way and what was recorded: the values, and what a store has to offer.

`platform.store.store` keeps these.  What is recorded is accepted at once, and whatever becomes of
the process the next one finds it; nobody waits for the disk but a detach, before each of its
steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from rcmd.model.network import Identity


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One line of `rcmctl history`, and one `Event` signal."""

    time_us: int
    """Microseconds since the epoch."""
    severity: int
    kind: str
    subject: str
    message: str
    detail: Mapping[str, str] = field(default_factory=dict)


class OperationKind(StrEnum):
    DETACH = "detach"
    ATTACH = "attach"
    DRAIN = "drain"
    """Addresses leave a slot that is about to lose its power; nobody can refuse that."""


class Step(StrEnum):
    """How far an operation got; each is recorded before the change that it names."""

    ASKING = "asking"
    """Everybody is asked whether it may go; nothing was changed."""
    PREPARING = "preparing"
    """Clients are told to let go."""
    LEAVING = "leaving"
    """Data addresses are moving off."""
    UNPLUMBING = "unplumbing"
    """Test addresses go, the device is set down."""
    REMOVING = "removing"
    """The hardware is taken away."""
    CONFIGURING = "configuring"
    """Of an attach: hardware is looked for, switched on, taken into use."""
    UNDOING = "undoing"
    DONE = "done"
    UNDONE = "undone"
    REFUSED = "refused"


FINISHED = frozenset({Step.DONE, Step.UNDONE, Step.REFUSED})

FIRST_STEP = {
    OperationKind.DETACH: Step.ASKING,
    OperationKind.ATTACH: Step.CONFIGURING,
    OperationKind.DRAIN: Step.LEAVING,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A detach, attach or drain, under way or finished."""

    number: int
    kind: OperationKind
    resource: str
    caller: str
    step: Step
    started_us: int
    is_forced: bool = False
    interfaces: tuple[str, ...] = ()
    """Those in our care that it is about: they cannot be found once the hardware is gone."""


@dataclass(frozen=True, slots=True)
class SavedSysctls:
    """Values from before a device was plumbed, to be put back when it is released."""

    name: str
    ifindex: int
    values: Mapping[str, str]
    """Path below /proc/sys -> value."""

    @property
    def key(self) -> tuple[str, int]:
        return self.name, self.ifindex

    def called(self, name: str) -> SavedSysctls:
        """Those of the same device, which has another name now: so have their paths."""
        if name == self.name:
            return self
        values = {_renamed(path, self.name, name): it for path, it in self.values.items()}
        return SavedSysctls(name, self.ifindex, values)


_DEVICE_AT = 3
"""Where in `net/ipv4/conf/eth0/arp_ignore` the name of the device is."""


def _renamed(path: str, old: str, new: str) -> str:
    parts = path.split("/")
    if len(parts) > _DEVICE_AT and parts[_DEVICE_AT] == old:
        parts[_DEVICE_AT] = new
    return "/".join(parts)


class Journal(Protocol):
    """What must survive a crash: accepted on return, and never refused."""

    def begin(
        self,
        kind: OperationKind,
        resource: str,
        caller: str,
        *,
        is_forced: bool = False,
        interfaces: tuple[str, ...] = (),
    ) -> Operation:
        """Record it in its first step: ASKING for a detach, LEAVING for a drain, CONFIGURING."""

    def advance(self, operation: Operation, step: Step) -> Operation: ...

    async def on_disk(self) -> None:
        """Return when a power cut would not take anything that was recorded.

        Raises RcmError where the disk cannot be written; what was recorded is then tried again.
        """

    def unfinished(self) -> tuple[Operation, ...]: ...

    def remember(self, key: str, text: str) -> None:
        """Keep a text until the next boot."""

    def recall(self, key: str) -> str | None: ...

    def save_sysctls(self, saved: SavedSysctls) -> None:
        """Keep the first value of each path saved for this device in this boot.

        The device is known by its ifindex, whatever it was called when it was saved; what is of no
        device has 0, and goes by its name.
        """

    def saved_sysctls(self, name: str, ifindex: int) -> SavedSysctls | None:
        """With paths as the device is called now."""

    def take_sysctls(self, name: str, ifindex: int) -> SavedSysctls | None:
        """Return what was saved, and forget it."""

    def know(self, identity: Identity) -> None:
        """Record (or update) a NIC, across boots."""

    def known(self) -> tuple[Identity, ...]: ...

    def keep_settings(self, text: str) -> None:
        """Record the last good rcmd.yaml, across boots."""

    def last_good_settings(self) -> str | None: ...


class History(Protocol):
    """The bounded record of what happened."""

    def append(self, events: Iterable[HistoryEvent]) -> None: ...

    async def since(self, time_us: int, *, limit: int, skip: int = 0) -> tuple[HistoryEvent, ...]:
        """The newest `limit` events at or after the time, less the newest `skip`; oldest first.

        Raises RcmError where they cannot be read.
        """
