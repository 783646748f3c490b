"""IPv6 addresses that failed duplicate detection (`dadfailed`): held back, told, tried again.

The kernel leaves such an address on its device, unusable, for good (RFC 4862 5.4.5).  It may be
that the other machine goes away, so it is tried again: taken off and added with detection, after
10 s, then after twice as long each time, up to 5 min.  Meanwhile it is not moved: a move is made
without detection, and would take the other machine's traffic away.

Autoconfigured addresses are not seen here: the kernel deletes one that fails, and every
advertisement tries it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from rcmd.ipmp.rules.address_flags import IFA_F_DADFAILED, IFA_F_TENTATIVE
from rcmd.ipmp.rules.slaac import undetected
from rcmd.model.network import IPAddress, KernelAddress

FIRST_RETRY_S = 10.0
LONGEST_RETRY_S = 300.0


class Phase(Enum):
    FAILED = auto()
    """Waits for its next try."""
    REMOVING = auto()
    """To be taken off; over when the kernel says so, not when it acknowledges: its word on the
    removal must not be taken for one on the address that is then added."""
    DETECTING = auto()
    """To be added with detection, or under detection."""


@dataclass(slots=True)
class Suspect:
    interface: str
    address: KernelAddress
    """As it was when it failed."""
    failures: int = 1
    phase: Phase = Phase.FAILED
    retry_at: float = 0.0

    def failed(self, interface: str, address: KernelAddress, now: float) -> None:
        self.interface, self.address = interface, address
        self.phase = Phase.FAILED
        self.retry_at = now + min(FIRST_RETRY_S * 2 ** (self.failures - 1), LONGEST_RETRY_S)

    def again(self) -> KernelAddress:
        """What is added to try it again: a link-local one nobody else would add."""
        return undetected(self.address)


@dataclass(slots=True)
class Duplicates:
    _suspects: dict[IPAddress, Suspect] = field(default_factory=dict)

    def is_suspect(self, key: IPAddress) -> bool:
        return key in self._suspects

    def is_being_removed(self, key: IPAddress) -> bool:
        suspect = self._suspects.get(key)
        return suspect is not None and suspect.phase is Phase.REMOVING

    def of(self, interface: str) -> Iterator[Suspect]:
        return (it for it in self._suspects.values() if it.interface == interface)

    def problem(self, interface: str) -> str:
        """In a few words; empty if there is none."""
        found = [str(it.address.address) for it in self.of(interface)]
        return f"another machine on the link has {', '.join(found)}" if found else ""

    # --- what happens to them ---

    def seen(self, interface: str, address: KernelAddress, now: float) -> bool | None:
        """Told by the kernel: True if it is a duplicate now and was not, False if it is one no
        more, None if there is nothing new."""
        key = address.address.ip
        suspect = self._suspects.get(key)
        if address.flags & IFA_F_DADFAILED:
            if suspect is None:
                suspect = self._suspects[key] = Suspect(interface, address)
                suspect.failed(interface, address, now)
                return True
            if suspect.phase is Phase.DETECTING or suspect.interface != interface:
                suspect.failures += 1
                suspect.failed(interface, address, now)
            return None
        if suspect is None or address.flags & IFA_F_TENTATIVE:
            return None
        if suspect.phase is Phase.REMOVING:
            return None
        del self._suspects[key]
        return False

    def gone(self, key: IPAddress) -> None:
        """The kernel says that it is no longer there."""
        suspect = self._suspects.get(key)
        if suspect is not None:
            suspect.phase = Phase.DETECTING

    def forget(self, key: IPAddress) -> None:
        self._suspects.pop(key, None)

    def items(self) -> list[tuple[IPAddress, Suspect]]:
        return list(self._suspects.items())

    # --- time ---

    def retry(self, now: float) -> bool:
        """Whether any is to be tried again."""
        if not self._suspects:
            # Asked for at every probe.
            return False
        due = [it for it in self._waiting() if it.retry_at <= now]
        for suspect in due:
            suspect.phase = Phase.REMOVING
        return bool(due)

    def deadline(self) -> float | None:
        if not self._suspects:
            return None
        return min((it.retry_at for it in self._waiting()), default=None)

    def _waiting(self) -> Iterator[Suspect]:
        return (it for it in self._suspects.values() if it.phase is Phase.FAILED)
