"""All hostname files together: what each interface is to be, and what the files quarrel about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from rcmd.configuration.files import DHCP_PREFIX, ConfigurationFiles, HostnameName
from rcmd.configuration.findings import Findings
from rcmd.configuration.hosts import Hosts, words_of
from rcmd.configuration.interface_files.builder import Draft
from rcmd.configuration.interface_files.commands import split_commands
from rcmd.configuration.interface_files.hostname_file import HostnameFileReader, warn_of_surprises
from rcmd.configuration.netmasks import parse_netmasks
from rcmd.configuration.text import Place, quoted
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Family, IPAddress
from rcmd.model.settings import Address, InterfaceConfig

_HOSTNAME = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?"


@dataclass(frozen=True, slots=True)
class _Finished:
    config: InterfaceConfig
    places: tuple[Place, ...]
    """Where each of its addresses is written."""


def read_interfaces(
    files: ConfigurationFiles, names: Iterable[HostnameName], findings: Findings
) -> tuple[InterfaceConfig, ...]:
    """Parse hostname files and merge them by interface, in the order of their names."""
    netmasks, found = parse_netmasks(files.netmasks)
    findings.take(found)
    hosts = Hosts(files.hosts, words_of(files.hostname.values()))
    reader = HostnameFileReader(hosts, netmasks, findings)
    finished: list[_Finished] = []
    for interface, of_interface in groupby(sorted(names), lambda name: name.interface):
        draft = Draft(interface)
        for name in of_interface:
            _read_file(reader, name, files, draft)
        if draft.families:
            warn_of_surprises(draft, findings)
            finished.append(_Finished(*draft.finished()))
    return _without_duplicates(finished, findings)


def _read_file(
    reader: HostnameFileReader, name: HostnameName, files: ConfigurationFiles, draft: Draft
) -> None:
    """One file, unless it only holds the name to ask a DHCP server for (behaviour 91)."""
    text = files.hostname[name.path]
    dhcp_path = DHCP_PREFIX + name.interface
    if name.family is Family.IPV4 and name.logical == 0 and dhcp_path in files.dhcp:
        draft.wants_dhcp = True
        commands = split_commands(name.path, text, Findings())
        words = [word.text for command in commands for word in command]
        if len(words) == 2 and words[0] == "inet":
            draft.families.add(name.family)
            _take_hostname(draft, words[1], name.path, reader.findings)
            return
    reader.read(name, text, draft)


def _take_hostname(draft: Draft, hostname: str, path: str, findings: Findings) -> None:
    if re.fullmatch(_HOSTNAME, hostname):
        draft.dhcp_hostname = hostname
    else:
        message = f"{quoted(hostname)}: not a host name; asking by DHCP without one"
        findings.add(path, 1, message, is_warning=True)


def _without_duplicates(
    finished: Iterable[_Finished], findings: Findings
) -> tuple[InterfaceConfig, ...]:
    """Leave an address to the one who has it first; the others' are faults."""
    owners: dict[IPAddress, tuple[Address, Place]] = {}
    configs: list[InterfaceConfig] = []
    for each in finished:
        kept: list[Address] = []
        for address, place in zip(each.config.addresses, each.places, strict=True):
            owner = owners.setdefault(address.address.ip, (address, place))
            if owner == (address, place):
                kept.append(address)
            else:
                findings.add(place.file, place.line, _duplicate(address, *owner))
        configs.append(replace(each.config, addresses=tuple(kept)))
    return tuple(configs)


def _duplicate(address: Address, owner: Address, owner_place: Place) -> str:
    both_test = address.kind is owner.kind is AddressKind.TEST
    what = "test address" if both_test else "address"
    return f"{what} {address.address.ip} is not unique: {owner.home} has it at {owner_place}"
