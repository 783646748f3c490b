"""Which card a failure befalls."""

from __future__ import annotations

from dataclasses import dataclass

NICS = ("nic0", "nic1")
READY_S = 120.0
"""rcmd does not trust a link for a minute that has come up too often."""


@dataclass(frozen=True, slots=True)
class Target:
    """The card that carries the traffic of this address, and therefore the one to fail."""

    nic: str
    address: str
