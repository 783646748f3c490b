"""All hostname files together: what each interface is to be, and what the files quarrel about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from rcmd.configuration.commands import split_commands
from rcmd.configuration.draft import Draft
from rcmd.configuration.files import DHCP_PREFIX, ConfigurationFiles, HostnameName, hostname_name
from rcmd.configuration.hostname_file import HostnameFileReader, address_warnings
from rcmd.configuration.hosts import Hosts
from rcmd.configuration.netmasks import parse_netmasks
from rcmd.configuration.text import Place, quoted
from rcmd.model import Address, AddressKind, Family, Fault, InterfaceConfig, IPAddress

_HOSTNAME = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?"


@dataclass(frozen=True, slots=True)
class Interfaces:
    configs: tuple[InterfaceConfig, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Finished:
    config: InterfaceConfig
    places: tuple[Place, ...]
    """Where each of its addresses is written."""


def read_interfaces(files: ConfigurationFiles) -> Interfaces:
    """Parse every hostname file and merge them by interface, in the order of their names."""
    netmasks, found = parse_netmasks(files.netmasks)
    faults = list(found)
    reader = HostnameFileReader(Hosts(files.hosts), netmasks)
    names: list[HostnameName] = []
    for path in files.hostname:
        name = hostname_name(path)
        if isinstance(name, HostnameName):
            names.append(name)
        elif name is not None:
            faults.append(name)
    finished: list[_Finished] = []
    for interface, of_interface in groupby(sorted(names), lambda name: name.interface):
        draft = Draft(interface)
        for name in of_interface:
            faults += _read_file(reader, name, files, draft)
        if draft.families:
            faults += address_warnings(draft)
            finished.append(_Finished(*draft.finished()))
    configs, quarrels = _without_duplicates(finished)
    return Interfaces(configs, (*faults, *quarrels))


def _read_file(
    reader: HostnameFileReader, name: HostnameName, files: ConfigurationFiles, draft: Draft
) -> tuple[Fault, ...]:
    """One file, unless it only holds the name to ask a DHCP server for (behaviour 91)."""
    text = files.hostname[name.path]
    dhcp_path = DHCP_PREFIX + name.interface
    if name.family is not Family.IPV4 or name.logical != 0 or dhcp_path not in files.dhcp:
        return reader.read(name, text, draft)
    draft.wants_dhcp = True
    words = [word.text for command in split_commands(name.path, text)[0] for word in command]
    if len(words) == 2 and words[0] == "inet":
        draft.families.add(name.family)
        return _take_hostname(draft, words[1], name.path)
    return reader.read(name, text, draft)


def _take_hostname(draft: Draft, hostname: str, path: str) -> tuple[Fault, ...]:
    if not re.fullmatch(_HOSTNAME, hostname):
        message = f"{quoted(hostname)}: not a host name; asking by DHCP without one"
        return (Fault(path, 1, message, is_warning=True),)
    draft.dhcp_hostname = hostname
    return ()


def _without_duplicates(
    finished: Iterable[_Finished],
) -> tuple[tuple[InterfaceConfig, ...], tuple[Fault, ...]]:
    """Leave an address to the one who has it first; the others' are faults."""
    owners: dict[IPAddress, tuple[Address, Place]] = {}
    faults: list[Fault] = []
    configs: list[InterfaceConfig] = []
    for each in finished:
        kept: list[Address] = []
        for address, place in zip(each.config.addresses, each.places, strict=True):
            owner = owners.setdefault(address.address.ip, (address, place))
            if owner == (address, place):
                kept.append(address)
            else:
                faults.append(_duplicate(address, place, *owner))
        configs.append(replace(each.config, addresses=tuple(kept)))
    return tuple(configs), tuple(faults)


def _duplicate(address: Address, place: Place, owner: Address, owner_place: Place) -> Fault:
    both_test = address.kind is owner.kind is AddressKind.TEST
    what = "test address" if both_test else "address"
    message = f"{what} {address.address.ip} is not unique: {owner.home} has it at {owner_place}"
    return Fault(place.file, place.line, message)
