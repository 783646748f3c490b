"""/etc/netmasks: the mask of a network, for `netmask +` (reference section 2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from rcmd.configuration.text import quoted
from rcmd.model import Fault


@dataclass(frozen=True, slots=True)
class NetmaskEntry:
    network: IPv4Address
    prefix: int


@dataclass(frozen=True, slots=True)
class Netmasks:
    entries: tuple[NetmaskEntry, ...] = ()

    def prefix_for(self, address: IPv4Address) -> int:
        """The prefix length for an address; its class's where no entry matches.

        The longest entry whose network is the masked address wins.  Failing that, an entry for
        the address's class network gives the mask of all its subnets, as in
        `128.50 255.255.255.0`.
        """
        matching = [e.prefix for e in self.entries if masked(address, e.prefix) == e.network]
        if matching:
            return max(matching)
        of_class = class_prefix(address)
        class_network = masked(address, of_class)
        for entry in self.entries:
            if entry.network == class_network and entry.prefix >= of_class:
                return entry.prefix
        return of_class


def masked(address: IPv4Address, prefix: int) -> IPv4Address:
    return IPv4Address(int(address) >> (32 - prefix) << (32 - prefix))


def class_prefix(address: IPv4Address) -> int:
    """The prefix length of the address's class: A 8, B 16, C (and beyond) 24 (RFC 791)."""
    first = int(address) >> 24
    if first < 128:
        return 8
    return 16 if first < 192 else 24


def mask_prefix(mask: IPv4Address) -> int | None:
    """The prefix length of a contiguous mask other than 0.0.0.0; None for any other."""
    bits = f"{int(mask):032b}"
    prefix = bits.count("1")
    return prefix if prefix and bits.startswith("1" * prefix) else None


def parse_netmasks(texts: Mapping[str, str]) -> tuple[Netmasks, tuple[Fault, ...]]:
    """Read the netmasks files, path -> text; earlier files win where they say the same network."""
    entries: list[NetmaskEntry] = []
    faults: list[Fault] = []
    for path, text in texts.items():
        for number, line in enumerate(text.split("\n"), start=1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            entry = _entry(words)
            if isinstance(entry, str):
                faults.append(Fault(path, number, entry))
            else:
                entries.append(entry)
    return Netmasks(tuple(entries)), tuple(faults)


def _entry(words: list[str]) -> NetmaskEntry | str:
    """One line's words as an entry, or what is wrong with them."""
    if len(words) != 2:
        return f"expected a network and a netmask, found {quoted(' '.join(words))}"
    try:
        network = IPv4Address(_padded(words[0]))
    except ValueError:
        return f"{quoted(words[0])}: bad network"
    try:
        prefix = mask_prefix(IPv4Address(words[1]))
    except ValueError:
        prefix = None
    if prefix is None:
        return f"{quoted(words[1])}: bad netmask"
    return NetmaskEntry(network, prefix)


def _padded(network: str) -> str:
    """`128.50` is short for `128.50.0.0`."""
    missing = 3 - network.count(".")
    return network + ".0" * missing
