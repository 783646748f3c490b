"""What a lab consists of, as values that travel to its keeper."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

OUTSIDE_ADDRESSES = ("198.51.100.2/24", "2001:db8:51::2/64")
"""Of the machine behind the router."""


class NicKind(StrEnum):
    """VETH reports its carrier at once; TAP as late as the kernel lets a physical NIC do."""

    VETH = "veth"
    TAP = "tap"


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card of the virtual host; it keeps name and MAC over tear-out and put-back."""

    name: str
    kind: NicKind
    mac: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A further machine on the switch, with echo servers."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabPlan:
    """What the keeper brings up.

    `directory` holds the lab's state on the machine.  A lab that `ends_with_creator` goes away
    when the other end of its standard input is closed.
    """

    name: str
    directory: str
    nics: tuple[Nic, ...]
    router_addresses: tuple[str, ...]
    ends_with_creator: bool

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LabPlan:
        fields = json.loads(text)
        return cls(
            name=fields["name"],
            directory=fields["directory"],
            nics=tuple(Nic(n["name"], NicKind(n["kind"]), n["mac"]) for n in fields["nics"]),
            router_addresses=tuple(fields["router_addresses"]),
            ends_with_creator=fields["ends_with_creator"],
        )


def mac_of(number: int) -> str:
    """The locally administered address of the lab's NIC number 1, 2, ..."""
    return ":".join(f"{byte:02x}" for byte in (0x020000000000 + number).to_bytes(6, "big"))
