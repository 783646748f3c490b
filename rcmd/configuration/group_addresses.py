"""The data addresses that a group shares: `addresses` of a group in rcmd.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import yaml

from rcmd.configuration.files import HIGHEST_LOGICAL
from rcmd.configuration.findings import Findings, Wrong
from rcmd.configuration.hosts import Hosts, literal_address
from rcmd.configuration.interface_files.builder import Computed, Logical
from rcmd.configuration.text import Place, quoted
from rcmd.configuration.values import address_word
from rcmd.configuration.yaml_tree import BadValue, Document, Entry, text_of
from rcmd.model.network import Family, IPAddress, IPNetwork, family_of
from rcmd.model.settings import Address, InterfaceConfig, Settings

_NO_NAMES = Hosts()
_LOWEST = IPv4Address("1.0.0.0")
"""0.0.0.0/8 is this network (RFC 1122, 3.2.1.3)."""


@dataclass(slots=True)
class GroupAddresses:
    """The lists of all groups while the file is being read: no address may be there twice."""

    document: Document
    places: dict[IPAddress, Place] = field(default_factory=dict)
    _owners: dict[IPAddress, str] = field(default_factory=dict)

    def read(self, entry: Entry, group: str) -> tuple[Address, ...]:
        """The good ones of the list; each bad one is a fault of its own."""
        addresses: list[Address] = []
        for item in self.document.items(entry, "[192.0.2.40/24]", HIGHEST_LOGICAL):
            try:
                addresses.append(self._address(item, group))
            except BadValue as bad:
                self.document.fault(item, f"addresses: {bad}")
        return tuple(addresses)

    def _address(self, node: yaml.Node, group: str) -> Address:
        address = self._unowned(node, group)
        key = address.address.ip
        self.places[key] = Place(self.document.path, node.start_mark.line + 1)
        self._owners[key] = group
        network = address.address.network
        if _is_edge(key, network):
            text = f"addresses: {key} is the network or broadcast address of {network}"
            self.document.fault(node, text, is_warning=True)
        return address

    def _unowned(self, node: yaml.Node, group: str) -> Address:
        text = text_of(node)
        key, length = _parsed(node, text)
        if key in self._owners:
            raise BadValue(
                node,
                f"{key} is not unique: group {self._owners[key]} has it at {self.places[key]}",
            )
        # As `ADDRESS/LENGTH broadcast + up` in a hostname file.
        logical = Logical(
            Place(self.document.path, node.start_mark.line + 1),
            address=key,
            prefix=length,
            broadcast=Computed.COMPUTED,
            wants_up=True,
        )
        address = logical.as_address("", 0)
        assert address is not None
        return replace(address, group=group)


def _parsed(node: yaml.Node, text: str) -> tuple[IPAddress, int]:
    literal = literal_address(text.partition("/")[0])
    if literal is None:
        raise BadValue(node, f"{quoted(text)} is not an address")
    try:
        word = address_word(text, family_of(literal), _NO_NAMES)
    except Wrong as wrong:
        raise BadValue(node, str(wrong)) from None
    if literal.is_unspecified:
        raise BadValue(node, f"{quoted(text)}: bad address: no interface can have it")
    if getattr(literal, "ipv4_mapped", None) or (literal.version == 4 and literal < _LOWEST):
        raise BadValue(node, f"{quoted(text)}: bad address: no interface should have it")
    if literal.is_link_local:
        raise BadValue(node, f"{quoted(text)}: bad address: a link-local address does not move")
    if word.prefix is None:
        example = f"{text}/{24 if literal.version == 4 else 64}"
        raise BadValue(node, f"{quoted(text)} has no prefix length, as in {example}")
    return literal, word.prefix


def _is_edge(address: IPAddress, network: IPNetwork) -> bool:
    if network.version == 6 or network.prefixlen > 30:
        return False
    return address in (network.network_address, network.broadcast_address)


def without_owned(
    settings: Settings,
    places: Mapping[IPAddress, Place],
    configs: Iterable[InterfaceConfig],
    findings: Findings,
) -> Settings:
    """Leave an address to the interface whose hostname file has it: here it is a fault."""
    owners = {it.address.ip: config.name for config in configs for it in config.addresses}
    for key, place in places.items():
        if key in owners:
            text = f"addresses: {key} is not unique: {owners[key]} has it"
            findings.add(place.file, place.line, text)
    kept = {
        name: replace(
            group, addresses=tuple(it for it in group.addresses if it.address.ip not in owners)
        )
        for name, group in settings.groups.items()
        if group.addresses
    }
    return replace(settings, groups={**settings.groups, **kept})


def warn_of_no_carrier(
    settings: Settings,
    places: Mapping[IPAddress, Place],
    configs: Iterable[InterfaceConfig],
    findings: Findings,
) -> None:
    """Warn of addresses of a family that no interface of the group is plumbed for.

    Of groups without interfaces others warn.
    """
    families: dict[str, set[Family]] = {}
    for config in configs:
        families.setdefault(config.group, set()).update(config.families)
    for name, group in settings.groups.items():
        for address in group.addresses:
            family, ip = family_of(address.address), address.address.ip
            if family in families.get(name, {family}) or ip not in places:
                continue
            text = (
                f"addresses: no interface of group {quoted(name)} is plumbed for {family}: "
                f"{ip} will be nowhere"
            )
            findings.add(places[ip].file, places[ip].line, text, is_warning=True)
