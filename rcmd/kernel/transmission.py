"""Does a NIC go on sending while it has no room for a probe?

ENOBUFS says two things.  A NIC that is stuck lets its queue fill up: that is a failure of it.  A
packet filter at the way out (nftables family netdev, tc), or more traffic than the link can carry,
only kept this packet back, while others leave.  The number of packets that have left tells which.
"""

from __future__ import annotations

from pathlib import Path

_SYS = Path("/sys")


class Transmission:
    def __init__(self, root: Path = _SYS) -> None:
        self._root = root
        self._sent: dict[int, int] = {}
        """By ifindex, how many packets had left when it was last asked about."""

    def goes_on(self, ifindex: int, name: str) -> bool:
        """Has it sent anything since the last call?  No, where that cannot be known."""
        sent = self._read(name)
        before, self._sent[ifindex] = self._sent.get(ifindex, sent), sent
        return sent > before

    def forget(self, ifindex: int) -> None:
        self._sent.pop(ifindex, None)

    def _read(self, name: str) -> int:
        place = self._root / "class/net" / name / "statistics/tx_packets"
        try:
            return int(place.read_text(encoding="ascii", errors="replace"))
        except (OSError, ValueError):
            return 0
