"""Everybody else's files together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from rcmd.configuration.conflicts.bridges import bridge_claims
from rcmd.configuration.conflicts.conflict import Claim, Manager, SourceText
from rcmd.configuration.conflicts.device import Device
from rcmd.configuration.conflicts.dhcpcd import dhcpcd_claim
from rcmd.configuration.conflicts.foreign_routes import foreign_routes_claim
from rcmd.configuration.conflicts.ifupdown import Stanza, ifupdown_claims, read_stanzas
from rcmd.configuration.conflicts.network_manager import (
    NetworkManagerSettings,
    Profile,
    network_manager_claims,
    read_profile,
    read_settings,
)
from rcmd.configuration.conflicts.networkd import Network, NetworkFile, networkd_claim, read_network


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What other network managers have been told, and what is known of the devices."""

    networks: tuple[NetworkFile, ...] = ()
    """The .network files that count, in the order of their names."""
    networkd: tuple[SourceText, ...] | None = None
    """networkd.conf and its drop-ins, in the order they are read; None: it is not in use."""
    settings: tuple[SourceText, ...] = ()
    """NetworkManager.conf and its like, in the order they are read."""
    profiles: tuple[SourceText, ...] = ()
    """NetworkManager's."""
    interfaces: tuple[SourceText, ...] = ()
    """/etc/network/interfaces and what it includes."""
    dhcpcd: SourceText | None = None
    in_use: frozenset[Manager] = frozenset()
    """Those that are started at boot, or run."""
    devices: Mapping[str, Device] = field(default_factory=dict)
    """By name; a name that is not here is a device of which nothing is known."""


def find_claims(names: Iterable[str], neighbours: Neighbours) -> tuple[Claim, ...]:
    """Every claim on an interface of ours, sorted by file and line.

    What a file names is a claim whether its manager is started or not.  What a manager takes
    without being told here is one where the manager is in use.
    """
    others = _Others.read(neighbours)
    devices = [neighbours.devices.get(name, Device(name)) for name in names]
    claims = [claim for device in devices for claim in others.claims(device)]
    if devices and neighbours.networkd is not None:
        claim = foreign_routes_claim(devices[0].name, neighbours.networkd)
        claims += [claim] if claim else []
    return tuple(sorted(claims))


@dataclass(frozen=True, slots=True)
class _Others:
    """What the texts say."""

    neighbours: Neighbours
    networks: tuple[Network, ...]
    settings: NetworkManagerSettings | None
    profiles: tuple[Profile, ...]
    stanzas: tuple[Stanza, ...]

    @classmethod
    def read(cls, neighbours: Neighbours) -> Self:
        return cls(
            neighbours,
            tuple(map(read_network, neighbours.networks)),
            read_settings(neighbours.settings),
            tuple(it for it in map(read_profile, neighbours.profiles) if it is not None),
            tuple(it for source in neighbours.interfaces for it in read_stanzas(source)),
        )

    def claims(self, device: Device) -> Iterator[Claim]:
        yield from self._networkd(device)
        yield from network_manager_claims(
            device,
            self.settings,
            self.profiles,
            is_in_use=Manager.NETWORK_MANAGER in self.neighbours.in_use,
            is_ifupdowns=any(it.device == device.name for it in self.stanzas),
        )
        yield from ifupdown_claims(device.name, self.stanzas)
        yield from self._dhcpcd(device)
        yield from bridge_claims(device)

    def _networkd(self, device: Device) -> Iterator[Claim]:
        """What a distribution ships in /usr says nothing while nobody starts systemd-networkd."""
        claim = networkd_claim(device, self.networks)
        is_in_use = Manager.NETWORKD in self.neighbours.in_use
        if claim is not None and (is_in_use or claim.file.startswith(("/etc/", "/run/"))):
            yield claim

    def _dhcpcd(self, device: Device) -> Iterator[Claim]:
        if self.neighbours.dhcpcd is not None:
            is_in_use = Manager.DHCPCD in self.neighbours.in_use
            claim = dhcpcd_claim(device, self.neighbours.dhcpcd, is_in_use=is_in_use)
            if claim is not None:
                yield claim
