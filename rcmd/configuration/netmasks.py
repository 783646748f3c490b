"""/etc/netmasks: the mask of a network, for `netmask +` (reference section 2.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from rcmd.configuration.findings import Findings
from rcmd.configuration.text import LONGEST_LINE, numbered_lines, quoted


@dataclass(frozen=True, slots=True)
class NetmaskEntry:
    network: IPv4Address
    prefix: int


@dataclass(frozen=True, slots=True)
class Netmasks:
    entries: Mapping[IPv4Address, tuple[int, ...]] = field(default_factory=dict)
    """Network -> the prefix lengths it has, the first one written first."""

    def prefix_for(self, address: IPv4Address) -> int:
        """The prefix length for an address; its class's where no entry matches.

        The longest entry whose network is the masked address wins.  Failing that, an entry for
        the address's class network gives the mask of all its subnets, as in
        `128.50 255.255.255.0`.
        """
        for prefix in range(32, 0, -1):
            if prefix in self.entries.get(masked(address, prefix), ()):
                return prefix
        of_class = class_prefix(address)
        written = self.entries.get(masked(address, of_class), ())
        return next((prefix for prefix in written if prefix >= of_class), of_class)


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


def parse_netmasks(texts: Mapping[str, str]) -> tuple[Netmasks, Findings]:
    """Read the netmasks files, path -> text; earlier files win where they say the same network.

    They are not ours alone: a line that makes no sense is a warning, and the others count.
    """
    entries: dict[IPv4Address, tuple[int, ...]] = {}
    findings = Findings()
    for path, text in texts.items():
        for number, line in numbered_lines(text):
            words = line[:LONGEST_LINE].partition("#")[0].split()
            if not words:
                continue
            entry = _entry(words)
            if isinstance(entry, str):
                findings.add(path, number, f"{entry}; the line is ignored", is_warning=True)
                continue
            known = entries.get(entry.network, ())
            if entry.prefix not in known:
                entries[entry.network] = (*known, entry.prefix)
    return Netmasks(entries), findings


def _entry(words: list[str]) -> NetmaskEntry | str:
    """One line's words as an entry, or what is wrong with them."""
    if len(words) != 2:
        return f"expected a network and a netmask, found {quoted(' '.join(words[:9]))}"
    try:
        network = IPv4Address(_padded(words[0]))
    except ValueError:
        return f"{quoted(words[0])}: bad network"
    prefix = written_prefix(words[1])
    return f"{quoted(words[1])}: bad netmask" if prefix is None else NetmaskEntry(network, prefix)


def _padded(network: str) -> str:
    """`128.50` is short for `128.50.0.0`."""
    missing = 3 - network.count(".")
    return network + ".0" * missing


def written_mask(word: str) -> IPv4Address | None:
    """The mask that is written `255.255.255.0`, `0xffffff00` or `ffffff00`."""
    hexadecimal = re.fullmatch(r"(?:0[xX])?([0-9a-fA-F]{8})", word)
    try:
        return IPv4Address(int(hexadecimal[1], 16) if hexadecimal else word)
    except ValueError:
        return None


def written_prefix(word: str) -> int | None:
    """The prefix length of a mask; None where it is no mask."""
    mask = written_mask(word)
    return None if mask is None else mask_prefix(mask)
