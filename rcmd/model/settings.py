"""What is configured: interfaces, groups, addresses, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
)

from rcmd.model.kinds import AddressKind, LoadSpreading, ProbeMethod, Weights, WhenRemoved
from rcmd.model.network import Family, IPAddress, IPInterface


@dataclass(frozen=True, slots=True)
class Address:
    """One configured address: a logical interface of the Solaris grammar."""

    address: IPInterface
    home: str
    """The interface it belongs to; empty for one that belongs to a group."""
    logical: int = 0
    """Logical interface number at home: 0 shows as `hme0`, n as `hme0:n`.  Per family."""
    kind: AddressKind = AddressKind.DATA
    is_up: bool = True
    is_deprecated: bool = False
    broadcast: IPv4Address | None = None
    peer: IPAddress | None = None
    """The far end of a point-to-point link (`destination`)."""
    group: str = ""
    """The group whose members share it, where no interface is its home."""


@dataclass(frozen=True, slots=True)
class InterfaceConfig:
    """What the hostname files of one interface ask for, both families together."""

    name: str
    families: frozenset[Family] = frozenset()
    """The families to plumb: those that have a file."""
    group: str = ""
    is_standby: bool = False
    addresses: tuple[Address, ...] = ()
    mtu: int | None = None
    hardware_address: str | None = None
    wants_dhcp: bool = False
    """An IPv4 address is to be asked for by DHCP."""
    dhcp_hostname: str = ""
    """The name to ask the DHCP server for."""


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Settings of one group; the defaults of the daemon with the group's overrides applied."""

    failure_detection_ms: int = 10_000
    failback: bool = True
    probe: ProbeMethod = ProbeMethod.AUTO
    targets: tuple[IPAddress, ...] = ()
    load_spreading: LoadSpreading = LoadSpreading.OFF
    weights: Weights = Weights.EQUAL
    is_resilient: bool = False
    """Flows of the other members stay where they are when one leaves or returns."""
    when_removed: WhenRemoved | None = None
    """None: what the configuration asks for is put back, what was added by hand is gone."""
    addresses: tuple[Address, ...] = ()
    """Data addresses that no member is the home of: they are spread over the active ones."""


@dataclass(frozen=True, slots=True)
class Settings:
    """rcmd.yaml and /etc/default/mpathd, merged."""

    default_group: GroupSettings = GroupSettings()
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    track_interfaces_only_with_groups: bool = True
    hook_timeout_s: float = 60.0
    missing_at_boot_wait_s: float = 10.0

    def group(self, name: str) -> GroupSettings:
        return self.groups.get(name, self.default_group)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the administrator wrote down, parsed."""

    interfaces: Mapping[str, InterfaceConfig] = field(default_factory=dict)
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong in a configuration file, with its place."""

    file: str
    line: int
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.is_warning else ""
        return f"{self.file}:{self.line}: {kind}{self.message}"
