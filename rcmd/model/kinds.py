"""The few words that files and documents have for what may be one way or the other."""

from __future__ import annotations

from enum import StrEnum


class AddressKind(StrEnum):
    """Data addresses are for applications and may move; test addresses are for probes and stay."""

    DATA = "data"
    TEST = "test"


class ProbeMethod(StrEnum):
    ICMP = "icmp"
    ARP = "arp"
    AUTO = "auto"
    NONE = "none"


class LoadSpreading(StrEnum):
    FLOW = "flow"
    DESTINATION = "destination"
    OFF = "off"


class Weights(StrEnum):
    """How much of the load each active member takes."""

    EQUAL = "equal"
    SPEED = "speed"
    """In proportion to the speed of its link."""


class WhenRemoved(StrEnum):
    """What becomes of an address or a known route that somebody else takes away."""

    ACCEPT = "accept"
    """It is left away; what the configuration asks for stays a problem until it is there."""
    RESTORE = "restore"
    """It is put back; but not for ever (`ipmp.state.restore_policy`)."""
