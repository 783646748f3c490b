"""From which address an interface probes, and how (solaris.md 1.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Network

from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress, IPInterface, IPNetwork, family_of

LINK_LOCAL = IPv6Network("fe80::/10")


@dataclass(frozen=True, slots=True)
class AddressCandidate:
    """An address of the interface that might serve as its test address.

    `address` is as configured: its prefix says which targets are on the link, and a kernel address
    that is kept from being a source (a /32) has lost it.
    """

    address: IPInterface
    is_test: bool
    """It never moves (NOFAILOVER); every IPv6 link-local address is one."""
    is_up: bool = True
    is_deprecated: bool = False


def choose_address(
    family: Family, candidates: Iterable[AddressCandidate], current: IPAddress | None = None
) -> IPInterface | None:
    """The test address of one interface and family; None if nothing will do.

    Must be up and must not be 0.0.0.0 (behaviour 17).  IPv4: one that is deprecated is best
    (16), otherwise the last that will do.  IPv6: only a link-local address that is not deprecated
    (11, 14).  `current` is kept while it is as good as any.
    """
    fit = [candidate for candidate in candidates if _may_serve(family, candidate)]
    best = [
        candidate for candidate in fit if candidate.is_deprecated or family is Family.IPV6
    ] or fit[-1:]
    chosen = [candidate for candidate in best if candidate.address.ip == current] or best
    return chosen[0].address if chosen else None


def _may_serve(family: Family, candidate: AddressCandidate) -> bool:
    address = candidate.address
    if family_of(address) is not family or not candidate.is_up or not candidate.is_test:
        return False
    if family is Family.IPV6:
        return address.ip.is_link_local and not candidate.is_deprecated
    return not address.ip.is_unspecified


@dataclass(frozen=True, slots=True)
class ProbeSource:
    """How one interface and family is probed."""

    method: ProbeMethod = ProbeMethod.NONE
    """ICMP, ARP (neighbour solicitation for IPv6) or NONE."""
    address: IPAddress | None = None
    prefix: IPNetwork | None = None
    """Where targets may be; None without a test address: routers and pinned ones are anywhere."""
    host_prefixes: tuple[IPNetwork, ...] = ()
    """Where hosts may be then: the prefixes of the data addresses."""

    @property
    def is_enabled(self) -> bool:
        match self.method:
            case ProbeMethod.ICMP:
                return self.address is not None
            case ProbeMethod.ARP:
                return True
            case ProbeMethod.AUTO | ProbeMethod.NONE:
                return False


def source_for(
    setting: ProbeMethod,
    address: IPInterface | None,
    *,
    has_targets: bool,
    blocked: Collection[ProbeMethod] = (),
    networks: Sequence[IPNetwork] = (),
) -> ProbeSource:
    """What the group's `probe` setting means for one interface and family.

    `address` is the chosen test address, None also if it is a duplicate.  AUTO uses ICMP where
    there is one, ARP where there is somebody to ask (`has_targets`); but nothing that is `blocked`
    if the other can be used.  ARP asks in the name of the address if there is one: a question from
    nobody looks like a claim to whoever is just about to take that address (RFC 5227 section
    2.1.1).  `networks` are those of the data addresses of the group.
    """
    ip = address.ip if address else None
    prefix = _prefix_of(address) if address else None
    by_arp = ProbeSource(ProbeMethod.ARP, ip, prefix, () if address else tuple(networks))
    match setting:
        case ProbeMethod.NONE:
            return ProbeSource()
        case ProbeMethod.ARP:
            return by_arp
        case ProbeMethod.ICMP:
            return ProbeSource(ProbeMethod.ICMP, ip, prefix) if address else ProbeSource()
        case ProbeMethod.AUTO:
            echo = [ProbeSource(ProbeMethod.ICMP, ip, prefix)] if address else []
            arp = [by_arp] if has_targets else []
            ways = echo + arp
            return next((it for it in ways if it.method not in blocked), (*ways, ProbeSource())[0])


def _prefix_of(address: IPInterface) -> IPNetwork:
    return LINK_LOCAL if address.version == 6 else address.network


def duplicates(chosen: Mapping[str, Collection[IPAddress]]) -> frozenset[str]:
    """The members of a group whose test address another member has too (behaviour 18)."""
    owners: dict[IPAddress, list[str]] = {}
    for name, addresses in chosen.items():
        for address in addresses:
            owners.setdefault(address, []).append(name)
    return frozenset(name for names in owners.values() if len(names) > 1 for name in names)
