"""What single words of a hostname file mean: addresses, prefixes, masks, MACs, numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from rcmd.configuration.findings import Wrong
from rcmd.configuration.hosts import Hosts, can_be_had, literal_address
from rcmd.configuration.netmasks import mask_prefix, written_mask
from rcmd.configuration.text import quoted
from rcmd.model.network import Family, IPAddress, family_of

_WIDTHS = {Family.IPV4: 32, Family.IPV6: 128}


@dataclass(frozen=True, slots=True)
class AddressWord:
    """`A`, `A/len` or `/len`: either part may be absent, not both."""

    address: IPAddress | None
    prefix: int | None


def address_word(word: str, family: Family, hosts: Hosts) -> AddressWord:
    """Read `A` or `A/len`; A may be a name in /etc/hosts."""
    name, slash, length = word.partition("/")
    address = host_address(name, family, hosts)
    return AddressWord(address, prefix_length(length, family, word) if slash else None)


def host_address(name: str, family: Family, hosts: Hosts) -> IPAddress:
    """An address that a host can have, or the unspecified one, by number or by name."""
    address = literal_address(name)
    if address is None:
        address = hosts.find(name, family) if name else None
        if address is None:
            raise Wrong(
                f"{quoted(name)}: bad address: neither an {family} address nor a name with one "
                "in /etc/hosts"
            )
    if family_of(address) is not family:
        raise Wrong(f"{quoted(name)}: bad address: not an {family} address")
    if not can_be_had(address):
        which = "it" if literal_address(name) else f"{address}, as /etc/hosts has it"
        raise Wrong(f"{quoted(name)}: bad address: no interface can have {which}")
    return address


def is_link_local(address: IPAddress | None) -> bool:
    """Is it an IPv6 link-local address, which plumbing makes by itself?"""
    return isinstance(address, IPv6Address) and address.is_link_local


def prefix_length(length: str, family: Family, word: str) -> int:
    """The number after the slash of `word`; 0 is refused, for it would claim the whole world."""
    if not re.fullmatch(r"[0-9]{1,3}", length) or not 1 <= int(length) <= _WIDTHS[family]:
        raise Wrong(f"Bad prefix length in {quoted(word)}")
    return int(length)


def netmask_prefix(word: str) -> int:
    """The prefix length of `255.255.255.0`, `0xffffff00` or `ffffff00`."""
    mask = written_mask(word)
    if mask is None:
        raise Wrong(f"{quoted(word)}: bad netmask")
    prefix = mask_prefix(mask)
    if prefix is None:
        raise Wrong(f"{quoted(word)}: bad netmask: its ones are not all in front")
    return prefix


def broadcast_address(word: str) -> IPv4Address:
    try:
        return IPv4Address(word)
    except ValueError:
        raise Wrong(f"{quoted(word)}: bad broadcast address") from None


def looks_like_hardware_address(word: str) -> bool:
    return ":" in word


def hardware_address(word: str) -> str:
    """A MAC in Solaris (`2:8:20:aa:bb:1`) or Linux form, as Linux shows it."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}", word):
        raise Wrong(f"{quoted(word)}: bad hardware address")
    octets = [int(part, 16) for part in word.split(":")]
    if octets[0] & 1 or not any(octets):
        raise Wrong(f"{quoted(word)}: bad hardware address: no interface can have it")
    return ":".join(f"{octet:02x}" for octet in octets)


def number(word: str, lowest: int, highest: int, what: str) -> int:
    if re.fullmatch(r"[0-9]{1,10}", word) and lowest <= int(word) <= highest:
        return int(word)
    raise Wrong(f"{quoted(word)}: bad {what}: expected {lowest} to {highest}")


def group_name(word: str) -> str:
    """A group's name: 1 to 31 characters (LIFGRNAMSIZ less the closing NUL)."""
    if not 1 <= len(word) <= 31:
        raise Wrong(f"{quoted(word)}: a group name has 1 to 31 characters, this has {len(word)}")
    if not word.isprintable() or " " in word:
        raise Wrong(f"{quoted(word)}: a group name is of printable characters without blanks")
    return word
