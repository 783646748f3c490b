"""A small honest model of the kernel: links, addresses and routes, and what it says about them.

It does what was measured on Linux, also where that is inconvenient: an admin-down device loses its
IPv6 addresses, and so does one with too small an MTU, or where IPv6 is switched off; a device that
is down or without its last IPv4 address loses its IPv4 routes without a word, a torn-out device has
lost its addresses before anybody reads the first message, a gateway that is on no connected subnet
is unreachable.  It can refuse.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Interface, ip_network

from rcmd.ipmp.api.commands import Move, Plumb, Release, Spread
from rcmd.ipmp.api.events import (
    AddressGone,
    AddressSeen,
    FamilySwitched,
    KernelChange,
    KernelSnapshot,
    LinkGone,
    LinkSeen,
    Moved,
    Plumbed,
    Refusal,
    RouteGone,
    RouteSeen,
    SpreadDone,
)
from rcmd.ipmp.api.memberships import Membership
from rcmd.ipmp.rules.address_flags import IFA_F_MCAUTOJOIN
from rcmd.model.network import (
    SMALLEST_MTU,
    Family,
    IPAddress,
    IPInterface,
    IPNetwork,
    KernelAddress,
    Link,
    Route,
    RouteKey,
    family_of,
)

from .nexthops import Nexthops

IFA_F_NODAD = 0x02
IFA_F_DADFAILED = 0x08
IFA_F_DEPRECATED = 0x20
IFA_F_TENTATIVE = 0x40
IFA_F_PERMANENT = 0x80
SCOPE_LINK = 253
JOINED_ALREADY = "Multicast auto join failed"
"""Nobody can know that who has not heard of the first time."""
PROTOCOL_LINK_LOCAL = 3

Item = KernelAddress | Route


@dataclass(slots=True)
class Device:
    """A NIC with its cable."""

    link: Link
    has_cable: bool = True
    """Whether the other end of the cable gives a signal."""
    is_negotiating: bool = False
    """Set up a moment ago: no carrier yet, cable or not."""
    addresses: dict[IPInterface, KernelAddress] = field(default_factory=dict)
    routes: dict[RouteKey, Route] = field(default_factory=dict)
    is_torn_out: bool = False
    awaited_peers: set[IPAddress] = field(default_factory=set)
    """Far ends of IPv6 addresses that were added a moment ago: the routes to them come later."""
    joined: dict[IPAddress, int] = field(default_factory=dict)
    """Multicast group -> sockets that joined it here."""
    chosen: dict[IPAddress, IPAddress] = field(default_factory=dict)
    """Those that did so for one sender only: group -> sender."""
    stuck: set[IPAddress] = field(default_factory=set)
    """Groups of IPv6 `autojoin` addresses that were flushed: joined until the device goes."""

    unjoinable: set[IPAddress] = field(default_factory=set)
    """The same, of those that went with all of IPv6: not received, nor to be joined again."""

    def has_family(self, family: Family) -> bool:
        return any(family_of(address) is family for address in self.addresses)


class Kernel:
    def __init__(self) -> None:
        self.devices: dict[int, Device] = {}
        self.unread: list[KernelChange] = []
        """Notifications that nobody has read yet."""
        self.refusals: set[tuple[str, str]] = set()
        """(address or destination, device name): what it will not add."""
        self.impossible: list[str] = []
        """What was asked for, and could not be, though nothing was refused for no reason."""
        self.duplicates: set[IPAddress] = set()
        """What another machine on the link has."""
        self.takes_to_detect = False
        """Whether duplicate detection lasts; else it is over at once."""
        self.witness: Callable[[str], None] = lambda _: None
        """Called after every single step of a move."""
        self._last_ifindex = 3
        self.nexthops = Nexthops(self._is_running, self._addresses_of)

    # --- what is there ---

    def named(self, name: str) -> Device | None:
        """By any of its names."""
        return next((it for it in self.devices.values() if name in it.link.names), None)

    def device(self, name: str) -> Device:
        device = self.named(name)
        assert device is not None, f"there is no device {name}"
        return device

    def snapshot(self) -> KernelSnapshot:
        devices = self.devices.values()
        return KernelSnapshot(
            tuple(device.link for device in devices),
            tuple(address for device in devices for address in device.addresses.values()),
            tuple(route for device in devices for route in device.routes.values()),
            self.nexthops.items(),
        )

    def _is_running(self, ifindex: int) -> bool:
        device = self.devices.get(ifindex)
        return device is not None and device.link.is_running

    def _addresses_of(self, ifindex: int) -> tuple[IPInterface, ...]:
        device = self.devices.get(ifindex)
        return tuple(device.addresses) if device else ()

    def spread(self, spread: Spread) -> SpreadDone:
        return self.nexthops.execute(spread)

    def memberships(self) -> tuple[Membership, ...]:
        """As the tables in /proc tell them."""
        return tuple(
            Membership(ifindex, group, users, *_choice(device, group))
            for ifindex, device in self.devices.items()
            if not device.is_torn_out
            for group, users in _users(device).items()
        )

    def receives(self, group: IPAddress) -> list[str]:
        """The devices that receive it, for whomever."""
        return [
            device.link.name
            for device in self.devices.values()
            if not device.is_torn_out
            and family_of(group) in device.link.families
            and group in _users(device)
        ]

    def hosts(self, key: IPAddress) -> list[str]:
        """The devices that hold an address."""
        return [
            device.link.name
            for device in self.devices.values()
            if any(address.ip == key for address in device.addresses)
        ]

    def layout(self) -> list[str]:
        """Everything an administrator would compare, as text, without device numbers."""
        return sorted(
            line
            for device in self.devices.values()
            for line in (
                f"{device.link.name} {'up' if device.link.is_up else 'down'}",
                *(self._address_line(device, held) for held in device.addresses.values()),
                *(self._route_line(device, route) for route in device.routes.values()),
                *self._share_lines(),
            )
        )

    def shares(self, destination: str) -> dict[str, int]:
        """The devices that share the traffic to a network, with their weights."""
        ways = self.nexthops.ways(destination)
        return {self.devices[ifindex].link.name: weight for ifindex, weight in ways.items()}

    def _share_lines(self) -> list[str]:
        networks = {str(it.place[0]) for it in (*self.nexthops.routes, *self.nexthops.siblings)}
        return [f"{network} shared by {sorted(self.shares(network))}" for network in networks]

    def _address_line(self, device: Device, held: KernelAddress) -> str:
        deprecated = " deprecated" if held.preferred_s == 0 else ""
        label = f" {held.label}" if held.label else ""
        scope = f" scope {held.scope} flags {held.flags:#x}"
        return f"{device.link.name} {held.address}{label}{scope} proto {held.protocol}{deprecated}"

    def _route_line(self, device: Device, route: Route) -> str:
        via = f" via {route.gateway}" if route.gateway else ""
        source = f" src {route.source}" if route.source else ""
        return f"{device.link.name} route {route.destination}{via}{source} proto {route.protocol}"

    # --- devices and cables ---

    def put_in(
        self,
        name: str,
        *,
        mac: str = "",
        medium: int = 1,
        has_cable: bool = True,
        has_ipv6: bool = True,
    ) -> Device:
        self._last_ifindex += 1
        mac = mac or f"02:00:00:00:00:{self._last_ifindex:02x}"
        off = frozenset() if has_ipv6 else frozenset({Family.IPV6})
        link = Link(self._last_ifindex, name, mac, medium, switched_off=off)
        device = Device(link, has_cable)
        self.devices[self._last_ifindex] = device
        self._see_link(device)
        return device

    def tear_out(self, name: str) -> None:
        """Everything on it is gone before the first of the messages is read."""
        device = self.device(name)
        device.is_torn_out = True
        self._set_down(device)
        for address in list(device.addresses.values()):
            self._drop_address(device, address)
        device.routes.clear()
        device.joined.clear()
        device.chosen.clear()

    def forget(self, name: str) -> None:
        """The last act of a tear-out, a millisecond later."""
        device = self.device(name)
        del self.devices[device.link.ifindex]
        self.nexthops.lose(device.link.ifindex, is_up=False)
        self.unread.append(LinkGone(device.link.ifindex))

    def rename(self, name: str, new: str) -> None:
        device = self.device(name)
        device.link = replace(device.link, name=new)
        for key, held in device.addresses.items():
            # Without a word (inetdev_changename).
            _, colon, number = held.label.partition(":")
            label = f"{new}{colon}{number}" if held.label else ""
            device.addresses[key] = replace(held, label=label)
        self._see_link(device)

    def set_alternatives(self, name: str, *alternatives: str) -> None:
        device = self.device(name)
        device.link = replace(device.link, alternatives=alternatives)
        self._see_link(device)

    def enslave(self, name: str, master: str, kind: str = "bridge") -> None:
        """`ip link set NAME master MASTER`, which is made if need be."""
        owner = self.named(master) or self.put_in(master)
        owner.link = replace(owner.link, kind=kind)
        self._see_link(owner)
        device = self.device(name)
        device.link = replace(device.link, master=owner.link.ifindex)
        self._see_link(device)

    def stack(self, above: str, name: str) -> None:
        """A macvlan in passthru mode."""
        device = self.put_in(above)
        lower = self.device(name).link.ifindex
        device.link = replace(device.link, kind="macvlan", lower=lower, takes_all=True)
        self._see_link(device)

    def free(self, name: str) -> None:
        device = self.device(name)
        device.link = replace(device.link, master=0)
        self._see_link(device)

    def set_hardware_address(self, name: str, mac: str) -> None:
        device = self.device(name)
        device.link = replace(device.link, hardware_address=mac)
        self._see_link(device)

    def set_cable(self, name: str, has_cable: bool) -> None:
        device = self.device(name)
        device.has_cable = has_cable
        self._update_carrier(device)

    def finish_negotiation(self, ifindex: int) -> None:
        device = self.devices.get(ifindex)
        if device and device.is_negotiating:
            device.is_negotiating = False
            self._update_carrier(device)

    def end_detection(self) -> None:
        """Of all that is being tested, without a find."""
        for device in self.devices.values():
            for held in list(device.addresses.values()):
                if held.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) == IFA_F_TENTATIVE:
                    proven = replace(held, flags=held.flags & ~IFA_F_TENTATIVE)
                    device.addresses[held.address] = proven
                    self.unread.append(AddressSeen(proven))

    def make_peer_routes(self) -> None:
        """A kernel worker does so, some milliseconds after the address was added."""
        for device in self.devices.values():
            for peer in device.awaited_peers:
                route = Route(device.link.ifindex, ip_network(peer), priority=256, protocol=2)
                device.routes[RouteKey.of(route)] = route
                self.unread.append(RouteSeen(route))
            device.awaited_peers.clear()

    def set_up(self, name: str) -> None:
        device = self.device(name)
        device.link = replace(device.link, is_up=True)
        self._update_carrier(device, is_news=True)

    def set_down(self, name: str) -> None:
        self._set_down(self.device(name))

    def switch_ipv6(self, name: str, *, is_on: bool) -> None:
        """By `disable_ipv6`, of which no link message is sent."""
        device = self.device(name)
        if device.link.mtu >= SMALLEST_MTU[Family.IPV6]:
            self._switch_ipv6(device, is_on=is_on)

    def set_mtu(self, name: str, mtu: int) -> None:
        """Too small a one takes IPv6 off, which comes back as it is by default."""
        device = self.device(name)
        was_enough = device.link.mtu >= SMALLEST_MTU[Family.IPV6]
        device.link = replace(device.link, mtu=mtu)
        self._see_link(device)
        is_enough = mtu >= SMALLEST_MTU[Family.IPV6]
        if is_enough is not was_enough:
            self._switch_ipv6(device, is_on=is_enough)

    def _switch_ipv6(self, device: Device, *, is_on: bool) -> None:
        off = frozenset() if is_on else frozenset({Family.IPV6})
        if off == device.link.switched_off:
            return
        device.link = replace(device.link, switched_off=off)
        if not device.link.is_up:
            return
        self.unread.append(FamilySwitched(device.link.ifindex, Family.IPV6, is_on=is_on))
        if is_on:
            self._add_link_local(device)
        else:
            self._drop_ipv6(device)

    def _drop_ipv6(self, device: Device) -> None:
        for route in list(device.routes.values()):
            if route.family is Family.IPV6:
                del device.routes[RouteKey.of(route)]
                self.unread.append(RouteGone(route, is_by_request=False))
        for address in list(device.addresses.values()):
            if address.family is Family.IPV6:
                self._drop_address(device, address)
                if address.flags & IFA_F_MCAUTOJOIN:
                    group = address.address.ip
                    has_any = device.link.mtu >= SMALLEST_MTU[Family.IPV6]
                    (device.stuck if has_any else device.unjoinable).add(group)

    def _set_down(self, device: Device) -> None:
        device.link = replace(device.link, is_up=False, has_carrier=False)
        device.is_negotiating = False
        self._see_link(device)
        self._drop_routes(device, lambda route: route.family is Family.IPV4)
        self._drop_ipv6(device)

    def _update_carrier(self, device: Device, *, is_news: bool = False) -> None:
        carrier = device.link.is_up and device.has_cable and not device.is_negotiating
        if is_news or carrier is not device.link.has_carrier:
            device.link = replace(device.link, has_carrier=carrier)
            self._see_link(device)

    def _see_link(self, device: Device) -> None:
        if not device.link.is_running:
            self.nexthops.lose(device.link.ifindex, is_up=device.link.is_up)
        self.unread.append(LinkSeen(device.link))

    # --- by hand ---

    def add_by_hand(self, item: Item) -> None:
        device = self.devices[item.ifindex]
        assert self._add(device, item) == ""
        self._announce_added(device, item)

    def try_by_hand(self, item: Item) -> bool:
        """Where the kernel would not do it, nothing happens."""
        device = self.devices[item.ifindex]
        if not device.link.is_up or self._add(device, item):
            return False
        self._announce_added(device, item)
        return True

    def remove_by_hand(self, item: Item) -> None:
        self._remove(self.devices[item.ifindex], item, is_echo=False)

    def replace_by_hand(self, old: Route, new: Route) -> None:
        """Of the end of the old one nothing is said."""
        device = self.devices[new.ifindex]
        del device.routes[RouteKey.of(old)]
        device.routes[RouteKey.of(new)] = new
        self.unread.append(RouteSeen(new, is_replacement=True))

    # --- what the daemon asks for ---

    def plumb(self, plumb: Plumb, carrier_after_s: float) -> Plumbed:
        device = self.devices.get(plumb.ifindex)
        if device is None:
            return Plumbed(plumb)
        if ("up", device.link.name) in self.refusals:
            return Plumbed(plumb, keeps_address=True, refused="up: Device or resource busy")
        wanted = plumb.hardware_address
        keeps_address = wanted is not None and ("ether", device.link.name) in self.refusals
        if wanted and not keeps_address:
            device.link = replace(device.link, hardware_address=wanted)
            self._see_link(device)
        was_up = device.link.is_up
        device.link = replace(device.link, is_up=True, mtu=plumb.mtu or device.link.mtu)
        device.is_negotiating = not was_up and carrier_after_s > 0
        self._update_carrier(device, is_news=not was_up)
        if Family.IPV6 in plumb.families:
            self._switch_ipv6(device, is_on=device.link.mtu >= SMALLEST_MTU[Family.IPV6])
            self._add_link_local(device)
        return Plumbed(plumb, keeps_address=keeps_address)

    def release(self, release: Release) -> None:
        device = self.devices.get(release.ifindex)
        if device and release.take_down:
            self._set_down(device)

    def _add_link_local(self, device: Device) -> None:
        interface = IPv6Interface(f"fe80::{device.link.ifindex:x}/64")
        if Family.IPV6 not in device.link.families:
            return
        if interface not in device.addresses:
            address = KernelAddress(
                device.link.ifindex,
                interface,
                scope=SCOPE_LINK,
                flags=IFA_F_PERMANENT,
                protocol=PROTOCOL_LINK_LOCAL,
            )
            if interface.ip in self.duplicates:
                failed = IFA_F_DADFAILED | IFA_F_TENTATIVE
                address = replace(address, flags=address.flags | failed)
            device.addresses[interface] = address
            self.unread.append(AddressSeen(address))

    def execute(self, move: Move) -> Moved:
        """Make, then break; what could not be made is not broken elsewhere."""
        added: list[Item] = []
        removed: list[Item] = []
        refusals: list[Refusal] = []
        not_added: set[object] = set()
        for item in (*move.add, *move.add_routes):
            reason = self._add_or_refuse(item)
            if reason:
                refusals.append(Refusal(item, reason))
                not_added.add(_essence(item))
            else:
                added.append(item)
            self.witness(f"add {_name(item)}")
        for item in (*move.remove_routes, *move.remove):
            if _essence(item) in not_added:
                refusals.append(Refusal(item, "kept, since it was refused elsewhere"))
                continue
            if item.ifindex in self.devices:
                self._remove(self.devices[item.ifindex], item, is_echo=True)
            removed.append(item)
            self.witness(f"remove {_name(item)}")
        for item in move.settle:
            device = self.devices.get(item.ifindex)
            is_there = device is not None and item.address in device.addresses
            if is_there and _essence(item) not in not_added:
                self._change(self.devices[item.ifindex], item)
                added.append(item)
        for item in move.refresh:
            assert item.address in self.devices[item.ifindex].addresses, f"{item} is not there"
            self._change(self.devices[item.ifindex], item)
            added.append(item)
        return Moved(move, tuple(added), tuple(removed), tuple(refusals))

    def end(self, device: Device, address: KernelAddress) -> None:
        """Its lifetime is over; of IPv6 that cannot be told from somebody's request."""
        is_ipv6 = address.family is Family.IPV6
        self._drop_address(device, address, is_by_request=is_ipv6)

    def _change(self, device: Device, item: KernelAddress) -> None:
        permanent = IFA_F_PERMANENT if item.valid_s is None else 0
        device.addresses[item.address] = replace(item, flags=item.flags | permanent)
        if item.family is Family.IPV6:
            self.unread.append(AddressSeen(device.addresses[item.address]))

    def _add_or_refuse(self, item: Item) -> str:
        device = self.devices.get(item.ifindex)
        if device is None or device.is_torn_out:
            return "No such device"
        if (_name(item), device.link.name) in self.refusals:
            return "Operation not permitted"
        is_new = not (isinstance(item, KernelAddress) and item.address in device.addresses)
        reason = self._add(device, item)
        if reason and not self.refusals and reason != JOINED_ALREADY:
            self.impossible.append(f"{_name(item)} on {device.link.name}: {reason}")
        if not reason and is_new and isinstance(item, KernelAddress) and item.address.version == 6:
            # IPv6 address notifications carry no sender: our own come back to us.
            self.unread.append(AddressSeen(device.addresses[item.address]))
        return reason

    def _add(self, device: Device, item: Item) -> str:
        """The reason for a refusal, or nothing."""
        if item.family not in device.link.families:
            return f"{item.family} is disabled on this device"
        if isinstance(item, KernelAddress):
            if item.address.ip in device.stuck | device.unjoinable:
                return JOINED_ALREADY
            flags = item.flags | (IFA_F_PERMANENT if item.valid_s is None else 0)
            if item.address.ip in self.duplicates and not flags & IFA_F_NODAD:
                flags |= IFA_F_DADFAILED | IFA_F_TENTATIVE
            elif self.takes_to_detect and item.family is Family.IPV6 and not flags & IFA_F_NODAD:
                flags |= IFA_F_TENTATIVE
            if item.preferred_s == 0:
                flags |= IFA_F_DEPRECATED
            device.addresses.setdefault(item.address, replace(item, flags=flags))
            if item.family is Family.IPV6 and item.peer is not None:
                device.awaited_peers.add(item.peer)
            return ""
        if not device.link.is_up:
            return "Network is down"
        if not self._is_next_hop(device, item):
            return "Network is unreachable" if item.family is Family.IPV4 else "No route to host"
        if item.source is not None and not self.hosts(item.source):
            return "Invalid source address"
        if item.family is Family.IPV6 and item.source is not None:
            device.routes.pop(RouteKey.of(replace(item, source=None)), None)
        device.routes[RouteKey.of(item)] = item
        return ""

    def _is_next_hop(self, device: Device, route: Route) -> bool:
        gateway = route.gateway
        if gateway is None or route.is_onlink or (gateway.version == 6 and gateway.is_link_local):
            return True
        # Addresses first: of routes there may be thousands.
        near = itertools.chain(
            (_near(address) for address in device.addresses.values()),
            (it.destination for it in device.routes.values() if _is_near(it)),
        )
        return any(gateway in network for network in near)

    def _announce_added(self, device: Device, item: Item) -> None:
        if isinstance(item, KernelAddress):
            self.unread.append(AddressSeen(device.addresses[item.address]))
        else:
            self.unread.append(RouteSeen(item))

    def _remove(self, device: Device, item: Item, *, is_echo: bool) -> None:
        if isinstance(item, Route):
            if device.routes.pop(RouteKey.of(item), None) and not is_echo:
                self.unread.append(RouteGone(item, is_by_request=True))
            return
        held = device.addresses.get(item.address)
        if held:
            self._drop_address(device, held, is_echo=is_echo, is_by_request=True)

    def _drop_address(
        self,
        device: Device,
        address: KernelAddress,
        *,
        is_echo: bool = False,
        is_by_request: bool = False,
    ) -> None:
        del device.addresses[address.address]
        if not (is_echo and address.family is Family.IPV4):
            self.unread.append(AddressGone(address, is_by_request))
        if address.family is Family.IPV4 and not device.has_family(Family.IPV4):
            self._drop_routes(device, lambda route: route.family is Family.IPV4)
            self.nexthops.lose_pins(device.link.ifindex)
        if address.peer is not None and address.family is Family.IPV6:
            device.awaited_peers.discard(address.peer)
            far = ip_network(address.peer)
            self._drop_routes(device, lambda it: it.protocol == 2 and it.destination == far)
        if not self.hosts(address.address.ip):
            for other in self.devices.values():
                self._forget_source(other, address.address.ip)

    def _forget_source(self, device: Device, source: IPAddress) -> None:
        """IPv4 routes that prefer it go; those of IPv6 stay without it, and nothing is said."""
        for route in [it for it in device.routes.values() if it.source == source]:
            del device.routes[RouteKey.of(route)]
            if route.family is Family.IPV4:
                self.unread.append(RouteGone(route, is_by_request=False))
            else:
                stripped = replace(route, source=None)
                device.routes[RouteKey.of(stripped)] = stripped

    def expire(self, destination: IPNetwork) -> None:
        """The routes to it whose time is over, wherever they are now."""
        for device in self.devices.values():
            for route in [it for it in device.routes.values() if it.destination == destination]:
                del device.routes[RouteKey.of(route)]
                self.unread.append(RouteGone(route, is_by_request=False))

    def _drop_routes(self, device: Device, is_doomed: Callable[[Route], bool]) -> None:
        for key in [key for key, route in device.routes.items() if is_doomed(route)]:
            del device.routes[key]


def _near(address: KernelAddress) -> IPNetwork:
    """To the far end of an IPv6 address a route of its own leads, which comes later."""
    if address.peer is None or address.family is Family.IPV6:
        return address.address.network
    return ip_network((address.peer, address.address.network.prefixlen), strict=False)


def _is_near(route: Route) -> bool:
    return route.gateway is None and (route.family is Family.IPV6 or route.scope >= SCOPE_LINK)


def _users(device: Device) -> dict[IPAddress, int]:
    """Multicast group -> its users: sockets, and the kernel itself."""
    users = dict(device.joined)
    for group in device.chosen:
        users[group] = users.get(group, 0) + 1
    autojoined = {it.address.ip for it in device.addresses.values() if it.flags & IFA_F_MCAUTOJOIN}
    for group in autojoined | device.stuck:
        users[group] = users.get(group, 0) + 1
    return users


def _choice(device: Device, group: IPAddress) -> tuple[tuple[IPAddress, ...], int]:
    return ((device.chosen[group],), 1) if group in device.chosen else ((), 0)


def _name(item: Item) -> str:
    if isinstance(item, Route):
        return "default" if item.destination.prefixlen == 0 else str(item.destination)
    return str(item.address.ip)


def _essence(item: Item) -> object:
    """What makes it the same address, or the same route, on whichever device."""
    return RouteKey.of(item) if isinstance(item, Route) else item.address.ip
