"""An interface while its hostname files are being read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface
from typing import Generic, TypeVar

from rcmd.configuration.netmasks import Netmasks, class_prefix
from rcmd.configuration.text import Place
from rcmd.configuration.values import is_link_local
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Family, IPAddress
from rcmd.model.settings import Address, InterfaceConfig

T = TypeVar("T")

DEFAULT_IPV6_PREFIX = 128
"""An IPv6 address without a length claims nothing but itself, as in Solaris and `ip addr add`."""


class Computed(Enum):
    """The `+` of `netmask +` and `broadcast +`."""

    COMPUTED = auto()


@dataclass(frozen=True, slots=True)
class Noted(Generic[T]):
    """A setting, and where it was made."""

    value: T
    place: Place


@dataclass(slots=True)
class Logical:
    """One logical interface: an address and what goes with it."""

    place: Place
    """Where its address is written."""
    address: IPAddress | None = None
    peer: IPAddress | None = None
    prefix: int | None = None
    broadcast: IPv4Address | Computed | None = None
    wants_up: bool | None = None
    is_deprecated: bool = False
    is_fixed: bool = False
    """`-failover`: it never moves."""
    taken_in: int | None = None
    """The round of the draft in which standby took its address, which moves for good then."""
    is_broken: bool = False
    """A command about it ended at a fault: what it still lacks is no surprise."""
    length_word: int | None = None
    """`/len` of the command in progress; it wins over `netmask_word`."""
    netmask_word: int | Computed | None = None
    """`netmask` of the command in progress."""

    @property
    def is_movable(self) -> bool:
        return self.address is not None and not self.is_fixed

    def settle(self, netmasks: Netmasks) -> bool:
        """End a command: make the prefix of its words; False where it had to be guessed."""
        netmask, length = self.netmask_word, self.length_word
        if length is None and isinstance(netmask, int):
            length = netmask
        if length is not None:
            self.prefix = length
        elif isinstance(self.address, IPv4Address) and netmask is not None:
            self.prefix = netmasks.prefix_for(self.address)
        self.length_word = self.netmask_word = None
        if self.address is None or self.prefix is not None:
            return True
        if isinstance(self.address, IPv4Address):
            self.prefix = class_prefix(self.address)
        else:
            self.prefix = DEFAULT_IPV6_PREFIX
        return False

    def as_address(
        self, home: str, logical: int, kind: AddressKind = AddressKind.DATA
    ) -> Address | None:
        """The finished address; None where there is none, or only a link-local one."""
        address, prefix = self.address, self.prefix
        if address is None or prefix is None or is_link_local(address):
            return None
        if isinstance(address, IPv4Address):
            interface: IPv4Interface | IPv6Interface = IPv4Interface((address, prefix))
        else:
            interface = IPv6Interface((address, prefix))
        return Address(
            address=interface,
            home=home,
            logical=logical,
            kind=kind,
            is_up=bool(self.wants_up),
            is_deprecated=self.is_deprecated,
            broadcast=self._broadcast(interface),
            peer=self.peer,
        )

    def _broadcast(self, interface: IPv4Interface | IPv6Interface) -> IPv4Address | None:
        if isinstance(self.broadcast, IPv4Address):
            return self.broadcast
        network = interface.network
        # A link between two has no broadcast address, and /31 and /32 have no room for one.
        is_possible = self.peer is None and isinstance(network, IPv4Network)
        if self.broadcast is None or not is_possible or network.prefixlen > 30:
            return None
        return IPv4Address(int(network.broadcast_address))


@dataclass(slots=True)
class Draft:
    """What the files read so far ask of one interface."""

    name: str
    families: set[Family] = field(default_factory=set)
    logicals: dict[tuple[Family, int], Logical] = field(default_factory=dict)
    group: Noted[str] | None = None
    mtu: Noted[int] | None = None
    hardware_address: Noted[str] | None = None
    is_standby: bool = False
    wants_dhcp: bool = False
    dhcp_hostname: str = ""
    _round: int = 0
    """Counts the `-standby`, each of which gives back what `standby` has taken."""
    _holders: dict[IPAddress, dict[int, None]] = field(default_factory=dict)
    """Address -> the logical interfaces that have it."""
    _lowest_free: dict[Family, int] = field(default_factory=dict)
    """No number below is free."""

    def logical(self, family: Family, number: int, file: str, line: int) -> Logical:
        """That logical interface, made if need be."""
        logical = self.logicals.get((family, number))
        if logical is None:
            logical = self.logicals[family, number] = Logical(Place(file, line))
        return logical

    def lowest_free(self, family: Family) -> int:
        """The number `addif` takes; logical 0 is never free."""
        number = self._lowest_free.get(family, 1)
        while (family, number) in self.logicals:
            number += 1
        self._lowest_free[family] = number
        return number

    def give(self, family: Family, number: int, address: IPAddress | None) -> None:
        """Give a logical interface that is there an address, or take its away."""
        logical = self.logicals[family, number]
        self._note_standby(logical)
        if logical.address is not None:
            del self._holders[logical.address][number]
        if address is not None:
            self._holders.setdefault(address, {})[number] = None
        logical.address = address

    def fix(self, logical: Logical, *, is_fixed: bool) -> None:
        self._note_standby(logical)
        logical.is_fixed = is_fixed

    def set_standby(self, *, is_standby: bool) -> None:
        if not is_standby:
            self._round += 1
        self.is_standby = is_standby

    def _note_standby(self, logical: Logical) -> None:
        """Before it may cease to be movable."""
        if self.is_standby and logical.is_movable:
            logical.taken_in = self._round

    def is_taken_by_standby(self, logical: Logical) -> bool:
        """Was it there as data while the interface was standby?"""
        return logical.taken_in == self._round or (self.is_standby and logical.is_movable)

    def kind(self, logical: Logical) -> AddressKind:
        is_test = logical.is_fixed and not self.is_taken_by_standby(logical)
        return AddressKind.TEST if is_test else AddressKind.DATA

    def holder(self, address: IPAddress) -> int | None:
        """The number of a logical interface that has the address, the last one that got it."""
        holders = self._holders.get(address)
        return next(reversed(holders)) if holders else None

    def remove(self, family: Family, number: int) -> None:
        self.give(family, number, None)
        del self.logicals[family, number]
        if number:
            self._lowest_free[family] = min(number, self._lowest_free.get(family, 1))

    def finished(self) -> tuple[InterfaceConfig, tuple[Place, ...]]:
        """The interface's configuration, and the place of each of its addresses."""
        addresses: list[Address] = []
        places: list[Place] = []
        for (_, number), logical in sorted(self.logicals.items(), key=lambda item: item[0]):
            address = logical.as_address(self.name, number, self.kind(logical))
            if address is not None:
                addresses.append(address)
                places.append(logical.place)
        config = InterfaceConfig(
            name=self.name,
            families=frozenset(self.families),
            group=self.group.value if self.group else "",
            is_standby=self.is_standby,
            addresses=tuple(addresses),
            mtu=self.mtu.value if self.mtu else None,
            hardware_address=self.hardware_address.value if self.hardware_address else None,
            wants_dhcp=self.wants_dhcp,
            dhcp_hostname=self.dhcp_hostname,
        )
        return config, tuple(places)
