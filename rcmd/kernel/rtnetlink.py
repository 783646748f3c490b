"""The kernel's links, addresses and routes: listening, dumping, changing.

Nothing here waits: the kernel answers a request before the send returns, and notifications are
read when the event loop says that `fileno()` is readable.
"""

from __future__ import annotations

import errno
import logging
import math
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TypeVar

from rcmd.ipmp.api.commands import Move, Spread
from rcmd.ipmp.api.events import (
    AddressGone,
    AddressSeen,
    FamilySwitched,
    ForeignNexthopSeen,
    KernelChange,
    KernelSnapshot,
    LinkGone,
    LinkSeen,
    Moved,
    NexthopGone,
    PinRuleGone,
    Refusal,
    RouteGone,
    RouteSeen,
    RoutesFound,
    SpreadDone,
    SpreadItemSeen,
    SpreadRouteGone,
)
from rcmd.ipmp.api.nexthops import PinnedRoute, PinRule, Sibling, SpreadItem, SpreadRoute
from rcmd.ipmp.state.kernel_view import essence
from rcmd.kernel import nexthops as nexthop_requests
from rcmd.kernel.advertised import Advertised
from rcmd.kernel.local_ports import local_ports
from rcmd.kernel.minded import Minded
from rcmd.kernel.netlink import decoding, encoding, netconf
from rcmd.kernel.netlink import nexthops as nexthop_messages
from rcmd.kernel.netlink import rules as rule_messages
from rcmd.kernel.netlink.encoding import Operation
from rcmd.kernel.netlink.link_families import multicast_device
from rcmd.kernel.netlink.message import (
    NLM_F_REPLACE,
    Header,
    MalformedMessage,
    MessageType,
    identity,
    identity_of_request,
    link_lost,
    split,
)
from rcmd.kernel.netlink.multicast_routes import group_route
from rcmd.kernel.netlink.sockets import (
    CHUNK,
    Ack,
    CommandSocket,
    DumpInterrupted,
    EventSocket,
    KernelRefused,
    Overrun,
)
from rcmd.kernel.removals import Cascade, may_be_request
from rcmd.kernel.requesters import requester
from rcmd.model.network import Family, IPAddress, KernelAddress, Link, Route, RouteKey

__all__ = ["KernelRefused", "Overrun", "Rtnetlink"]

_log = logging.getLogger(__name__)

Item = KernelAddress | Route
_Decoded = TypeVar("_Decoded")

RECEIVE_BUFFER = 16 << 20
"""Bytes; the default of 208 KiB loses half of a burst of 500 address changes."""
_DUMP_ATTEMPTS = 5
_CASCADE_S = 0.005
"""So much longer what goes with the last thing read is looked for."""
_NO_DEVICE = 0x7FFFFFFF
"""An ifindex that no device has."""
_ALREADY_THERE = frozenset({errno.EEXIST})
_ALREADY_GONE = frozenset({errno.EADDRNOTAVAIL, errno.ENODEV, errno.ESRCH, errno.ENOENT})
_PART = 500
"""Routes of a table that are looked at in one go."""
_MOST_ASKED_FOR = 16
"""Devices that are asked for one by one."""
_ROUTE_MESSAGES = frozenset({MessageType.NEWROUTE, MessageType.DELROUTE})
_ADDRESS_MESSAGES = frozenset({MessageType.NEWADDR, MessageType.DELADDR})
_ECHOES = frozenset(
    {
        MessageType.NEWROUTE,
        MessageType.DELROUTE,
        MessageType.NEWRULE,
        MessageType.DELRULE,
        MessageType.NEWNEXTHOP,
        MessageType.DELNEXTHOP,
    }
)
"""Of these, all that our requests cause is known from the acknowledgements."""


class Rtnetlink:
    """One network namespace: the one of the thread that opens it."""

    def __init__(
        self,
        commands: CommandSocket,
        events: EventSocket,
        receive_buffer: int,
        dumps: CommandSocket | None = None,
    ) -> None:
        """`dumps` is needed where something is changed while `looking`."""
        self._commands = commands
        self._dumps = dumps or commands
        self._minded = Minded()
        self._advertised = Advertised()
        self.is_rival: Callable[[Route], bool] = lambda _: True
        """Whether a route can take the place of one that is minded."""
        self._events = events
        self._receive_buffer = receive_buffer
        self.on_group_route: Callable[[int, IPAddress], None] = lambda _ifindex, _group: None
        """Told of every local route to a multicast group (`group_routes`)."""
        self.on_link_lost: Callable[[int], bool] = lambda _ifindex: False
        """Told of a device whose link goes, before its message is decoded or returned; whether
        anything was done about it.  Then nothing more is read at first: it may be what was done."""
        self.on_settings: Callable[[int], None] = lambda _ifindex: None
        """Told of every device whose settings have changed (`netconf_messages`)."""
        self._expected: dict[int, tuple[int, bytes, bytes]] = {}
        """Sequence number and identity of our acknowledged IPv4 address changes, until echoed."""
        self._seen_before: dict[bytes, tuple[Route | SpreadRoute | PinnedRoute, ...]] = {}
        """What route messages said at the last look; and what they say at this one."""
        self._seen_now: dict[bytes, tuple[Route | SpreadRoute | PinnedRoute, ...]] = {}
        self.has_read_all = True
        """Whether the last reading found an end."""
        self._requesters: dict[int, str] = {}
        """By port, in this reading."""
        self._doubtful: dict[int, None] = {}
        """Devices whose IPv4 routes may be gone, in this reading."""

    @classmethod
    def open(cls, *, receive_buffer: int = RECEIVE_BUFFER) -> Rtnetlink:
        """Open both sockets; `receive_buffer` of the notifications is in bytes."""
        with ExitStack() as undo:
            commands = CommandSocket()
            undo.callback(commands.close)
            dumps = CommandSocket()
            undo.callback(dumps.close)
            made = cls(commands, EventSocket(receive_buffer), receive_buffer, dumps)
            undo.pop_all()
        return made

    def fileno(self) -> int:
        """The descriptor that is readable when `read` has something; `reopen` changes it."""
        return self._events.fileno()

    def close(self) -> None:
        self._events.close()
        self._commands.close()
        self._dumps.close()

    def reopen(self) -> None:
        """A new socket for notifications, after an overrun.  Take a snapshot next."""
        self._events.close()
        self._expected.clear()
        self._events = EventSocket(self._receive_buffer)
        self._filter()

    def _filter(self) -> None:
        if not self._minded.is_everybody:
            self._events.let_routes_in(self._minded.indexes, self._commands.port)

    @property
    def beyond(self) -> frozenset[int]:
        """Devices (ifindex) on which more is advertised than is followed (`Advertised`)."""
        return self._advertised.beyond

    # --- listening --------------------------------------------------------------------------

    def read(self, at_most_s: float = math.inf) -> tuple[KernelChange, ...]:
        """The pending notifications in order, without those of our own acknowledged changes.

        All of them, or what can be read in that time: `has_read_all` tells, and `fileno` is
        readable still.

        IPv4 routes that vanish because their device is set down or removed are not announced by
        the kernel: only the link is.  Raises Overrun when the kernel had to drop notifications.
        """
        changes: list[KernelChange] = []
        cascade = Cascade()
        self._requesters.clear()
        until = time.monotonic() + at_most_s
        self._drain(changes, cascade, until)
        if cascade.is_open:
            # Whatever took the last address away has ended by the time that this is answered.
            self._ask_for_nothing()
            self._drain(changes, cascade, until + _CASCADE_S)
        return (*changes, *self._settle_doubts())

    def _drain(self, changes: list[KernelChange], cascade: Cascade, until: float) -> None:
        self.has_read_all = False
        while time.monotonic() < until:
            datagram = self._events.receive()
            if datagram is None:
                self.has_read_all = True
                return
            lost = link_lost(datagram)
            is_enough = lost is not None and self.on_link_lost(lost)
            try:
                for header, payload in split(datagram):
                    if self._is_own_echo(header, payload) or not self._concerns(header, payload):
                        continue
                    if header.kind == MessageType.NEWROUTE and (made := group_route(payload)):
                        self.on_group_route(*made)
                    if header.kind == MessageType.NEWNETCONF:
                        self.on_settings(netconf.device_of(payload))
                    changes += self._changes(header, payload)
                    if header.kind == MessageType.DELADDR:
                        self._doubt(changes[-1:])
                        cascade.note(header, changes)
            except MalformedMessage as error:
                _log.warning("ignored a malformed netlink message: %s", error)
            if is_enough:
                return

    def _doubt(self, changes: Iterable[KernelChange]) -> None:
        """With its last IPv4 address a device loses its IPv4 routes without a word.

        Which one was the last cannot be told while echoes of ours are unread: what we have added
        counts as there already, and was added after this one went.
        """
        if not self._expected:
            return
        for gone in changes:
            if isinstance(gone, AddressGone) and gone.address.family is Family.IPV4:
                self._doubtful[gone.address.ifindex] = None

    def _settle_doubts(self) -> Iterator[RoutesFound]:
        doubtful, self._doubtful = self._doubtful, {}
        for ifindex in doubtful:
            routes = tuple(seen.route for seen in self._routes_of(ifindex, (Family.IPV4,)))
            yield RoutesFound(ifindex, Family.IPV4, routes)

    def _concerns(self, header: Header, payload: bytes) -> bool:
        if header.kind not in _ROUTE_MESSAGES or self._minded.concerns(payload):
            return self._advertised.admits(header.kind, payload)
        is_replacement = header.kind == MessageType.NEWROUTE and header.flags & NLM_F_REPLACE
        return bool(is_replacement) and any(self.is_rival(it) for it in _routes(payload))

    def _ask_for_nothing(self) -> None:
        """The kernel answers once it is done with what it is doing to addresses and devices."""
        with suppress(KernelRefused):
            self._commands.ask(encoding.encode_get_link(_NO_DEVICE))

    def _changes(self, header: Header, payload: bytes) -> Sequence[KernelChange]:
        if header.kind == MessageType.NEWLINK:
            links = _links(payload)
            new = [link.ifindex for link in links if self._minded.see(link)]
            if new:
                self._filter()
            # Its routes may have been there while it was called otherwise.
            routes = [route for ifindex in new for route in self._routes_of(ifindex)]
            return [*(LinkSeen(link) for link in links), *routes]
        if header.kind == MessageType.DELLINK:
            for link in _links(payload):
                self._minded.forget(link.ifindex)
        if header.kind == MessageType.DELADDR:
            is_by_request = may_be_request(header, payload, self._commands.port)
            who = self._requester(header) if is_by_request else ""
            return [AddressGone(it, is_by_request, who) for it in _addresses(payload)]
        if header.kind == MessageType.DELROUTE and header.port:
            return [
                replace(it, requester=self._requester(header)) if isinstance(it, RouteGone) else it
                for it in _changes(header, payload)
            ]
        return _changes(header, payload)

    def _requester(self, header: Header) -> str:
        """Asked for once in a reading: who flushes a table is one program."""
        if header.port not in self._requesters:
            self._requesters[header.port] = requester(header.port) if header.port else ""
        return self._requesters[header.port]

    def _is_own_echo(self, header: Header, payload: bytes) -> bool:
        """Whether the acknowledgement has already told us what this says.

        Removing an IPv4 address can remove or promote others of its subnet, which the kernel
        announces under the same sequence number: only the address asked for is an echo.
        IPv6 address notifications carry no sender and are never echoes.
        """
        if header.port != self._commands.port:
            return False
        if header.kind in _ECHOES:
            return True
        if header.kind not in _ADDRESS_MESSAGES:
            return False
        if self._expected.get(header.sequence) != identity(header.kind, payload):
            return False
        del self._expected[header.sequence]
        return True

    # --- dumping ----------------------------------------------------------------------------

    def mind(self, names: Collection[str]) -> tuple[RouteSeen, ...]:
        """Routes of these devices only are told of from now on.

        Those that are already there are returned, of the devices that were not minded before.
        """
        new = self._minded.name(names)
        # First the filter: what it has kept away before is in the tables.
        self._filter()
        return tuple(it for ifindex in new for it in self._routes_of(ifindex))

    def _routes_of(
        self, ifindex: int, families: Iterable[Family] = tuple(Family)
    ) -> Iterator[RouteSeen]:
        for family in families:
            request = encoding.encode_dump_routes(family, ifindex)
            for route in self._dump_of_device(request):
                if isinstance(route, Route) and route.family is family and _is_in_force(route):
                    yield RouteSeen(route)

    def _dump_of_device(self, request: bytes) -> list[Route | SpreadRoute | PinnedRoute]:
        try:
            return _finish(self._dump(request, self._some_routes, self._commands))
        except KernelRefused as refusal:
            if refusal.errno != errno.ENODEV:
                raise
            return []

    def snapshot(self, interfaces: Collection[int] | None = None) -> KernelSnapshot:
        """All links and addresses, and the unicast single-device routes of what is minded.

        `interfaces` are ifindexes: addresses and routes of no others; None means all.  Raises
        Overrun when the tables change faster than they can be read.
        """
        whole = _finish(self.looking())
        if interfaces is None:
            return whole
        wanted = frozenset(interfaces)
        return replace(
            whole,
            addresses=tuple(it for it in whole.addresses if it.ifindex in wanted),
            routes=tuple(it for it in whole.routes if it.ifindex in wanted),
        )

    def looking(self) -> Generator[None, None, KernelSnapshot]:
        """A snapshot, a little at a time; one that was begun before is given up.

        What happens meanwhile may be in it, or not.
        """
        if self._dumps.is_dumping:
            self._dumps.close()
            self._dumps = CommandSocket()
        self._seen_now = {}
        self._advertised.begin()
        links = yield from self._dump(encoding.encode_get_link(0), _links)
        self._minded.see_all(links)
        self._filter()
        addresses = yield from self._dump(encoding.encode_dump_addresses(), self._some_addresses)
        routes: dict[tuple[int, int, RouteKey], Route] = {}
        spread: dict[SpreadItem, None] = {}
        for request, family in self._route_requests():
            try:
                dumped = yield from self._dump(request, self._minded_routes)
            except KernelRefused as refusal:
                # The device has gone meanwhile.
                if refusal.errno != errno.ENODEV:
                    raise
                continue
            for number, route in enumerate(dumped, start=1):
                if number % _PART == 0:
                    yield
                # Without IPv6 in the kernel, its request is answered with all the other families.
                if route.family is not family:
                    continue
                if not isinstance(route, Route):
                    spread[route] = None
                elif _is_in_force(route):
                    # What has several devices is told by each of them.
                    routes[route.ifindex, route.protocol, RouteKey.of(route)] = route
        self._advertised.end()
        self._seen_before, self._seen_now = self._seen_now, {}
        for rule in (yield from self._dump_if_known(rule_messages.encode_dump(), _rules)):
            spread[rule] = None
        foreign = []
        nexthops = nexthop_messages.encode_dump_nexthops()
        for found in (yield from self._dump_if_known(nexthops, _nexthop_seen)):
            match found:
                case ForeignNexthopSeen(number):
                    foreign.append(number)
                case SpreadItemSeen(item):
                    spread[item] = None
        return KernelSnapshot(
            links=tuple(links),
            addresses=tuple(addresses),
            routes=tuple(routes.values()),
            spread=tuple(spread),
            foreign_nexthops=tuple(foreign),
            local_ports=local_ports(),
        )

    def _route_requests(self) -> list[tuple[bytes, Family]]:
        """One for each device that is minded: the kernel passes over all the others.

        It goes through all of its routes for each, so that with many devices one for all is less.
        """
        indexes = sorted(self._minded.indexes)
        if self._minded.is_everybody or len(indexes) > _MOST_ASKED_FOR:
            indexes = [0]
        return [
            (encoding.encode_dump_routes(family, ifindex), family)
            for ifindex in indexes
            for family in Family
        ]

    def _minded_routes(self, payload: bytes) -> tuple[Route | SpreadRoute | PinnedRoute, ...]:
        """What says the same as at the last look is the same: the very object."""
        if not self._minded.concerns(payload) or not self._admits_route(payload):
            return ()
        routes = self._seen_before.get(payload)
        if routes is None:
            routes = _all_routes(payload)
            for route in routes:
                if isinstance(route, Route):
                    # It takes a moment, and is asked for by whoever gets the snapshot.
                    RouteKey.of(route)
        if not any(isinstance(it, Route) and it.expires_at is not None for it in routes):
            self._seen_now[payload] = routes
        return routes

    def _admits_route(self, payload: bytes) -> bool:
        return self._advertised.admits(MessageType.NEWROUTE, payload)

    def _some_routes(self, payload: bytes) -> tuple[Route | SpreadRoute | PinnedRoute, ...]:
        return _all_routes(payload) if self._admits_route(payload) else ()

    def _some_addresses(self, payload: bytes) -> tuple[KernelAddress, ...]:
        is_followed = self._advertised.admits(MessageType.NEWADDR, payload)
        return _addresses(payload) if is_followed else ()

    def _dump_if_known(
        self, request: bytes, decode: Callable[[bytes], tuple[_Decoded, ...]]
    ) -> Generator[None, None, list[_Decoded]]:
        """Nothing from a kernel that has none: of nexthops before 5.3, of rules where left out."""
        try:
            return (yield from self._dump(request, decode))
        except KernelRefused as refusal:
            if refusal.errno not in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
                raise
            return []

    def _dump(
        self,
        request: bytes,
        decode: Callable[[bytes], tuple[_Decoded, ...]],
        asked: CommandSocket | None = None,
    ) -> Generator[None, None, list[_Decoded]]:
        for _ in range(_DUMP_ATTEMPTS):
            found: list[_Decoded] = []
            try:
                for payloads in (asked or self._dumps).dump_in_parts(request):
                    found += _decode_all(payloads, decode)
                    yield
            except DumpInterrupted:
                continue
            return found
        raise Overrun(f"a dump was interrupted {_DUMP_ATTEMPTS} times")

    def link(self, ifindex: int) -> LinkSeen | LinkGone:
        """The condition of one device, now.

        Asking also makes the kernel send a link notification that it holds back for up to one
        second (linux:net/core/link_watch.c).
        """
        try:
            payloads = self._commands.ask(encoding.encode_get_link(ifindex))
        except KernelRefused as refusal:
            if refusal.errno == errno.ENODEV:
                return LinkGone(ifindex)
            raise
        for link in _decode_all(payloads, _links):
            return LinkSeen(link)
        return LinkGone(ifindex)

    # --- changing ---------------------------------------------------------------------------

    def prepare(self, move: Move) -> Iterator[None]:
        """Encode the addresses beforehand, pausing after every chunk; routes come after them."""
        requests = [(Operation.ADD, item) for item in move.add]
        requests += [(Operation.REMOVE, item) for item in move.remove]
        for count, (operation, item) in enumerate(requests, start=1):
            encoding.encode(operation, item)
            if count % CHUNK == 0:
                yield

    def execute(
        self, move: Move, on_added: Callable[[Collection[Refusal]], None] = lambda _: None
    ) -> Moved:
        """Make, then break, as `Move` says; every item is acknowledged by the kernel.

        What is already there counts as added, what is already gone as removed.  The removal of
        what could not be added elsewhere is left out and reported as a refusal too.  `on_added` is
        told what was refused, as soon as the addresses have been added.
        """
        outcome = _Outcome()
        outcome.additions(move.add, self._request(Operation.ADD, move.add))
        on_added(outcome.refusals)
        outcome.additions(move.add_routes, self._add_routes(move.add_routes))
        remove_routes = outcome.without_kept(move.remove_routes)
        outcome.removals(remove_routes, self._request(Operation.REMOVE, remove_routes))
        remove = outcome.without_kept(move.remove)
        outcome.removals(remove, self._request(Operation.REMOVE, remove))
        settle = [item for item in move.settle if outcome.has_added(item)]
        settle += move.refresh
        outcome.changes(settle, self._request(Operation.CHANGE, settle))
        return Moved(move, tuple(outcome.added), tuple(outcome.removed), tuple(outcome.refusals))

    def spread(self, spread: Spread) -> SpreadDone:
        """Add, then remove; every item is acknowledged by the kernel."""
        return nexthop_requests.execute(spread, self._commands)

    def ask_for_gateways(self, siblings: Iterable[Sibling]) -> None:
        """One that has failed for a while would never be asked for again."""
        nexthop_requests.ask_for_gateways(siblings, self._commands)

    def _add_routes(self, routes: Sequence[Route]) -> list[Ack]:
        """An IPv6 route that is there without the source it should prefer stands in the way.

        The kernel tells them apart by nothing but destination, metric, gateway and device.
        """
        acks = self._request(Operation.ADD, routes)
        for place, (route, ack) in enumerate(zip(routes, acks, strict=True)):
            is_ipv6 = route.family is Family.IPV6
            if ack.error in _ALREADY_THERE and is_ipv6 and route.source is not None:
                self._request(Operation.REMOVE, (route,))
                acks[place] = self._request(Operation.ADD, (route,))[0]
        return acks

    def _request(self, operation: Operation, items: Sequence[Item]) -> list[Ack]:
        requests = [_encode(operation, item) for item in items]
        acks = list(self._commands.execute(requests))
        for item, request, ack in zip(items, requests, acks, strict=True):
            if not ack.error and isinstance(item, KernelAddress) and item.address.version == 4:
                self._expected[ack.sequence] = identity_of_request(request)
        return acks

    def let_out(self, addresses: Iterable[KernelAddress]) -> None:
        """What applications send to these groups through the same devices is to leave the machine.

        Takes away the local routes of the addresses, see `group_routes`.
        """
        requests = [encoding.encode_let_out(address) for address in addresses]
        if requests:
            # Mostly the route is not there any more.
            list(self._commands.execute(requests))

    def set_link(
        self,
        ifindex: int,
        *,
        is_up: bool | None = None,
        mtu: int | None = None,
        hardware_address: str | None = None,
    ) -> None:
        """Change what is not None: MTU in bytes, address as `02:00:00:00:00:01`.

        Raises KernelRefused.  The link notification that follows is delivered as any other.
        """
        request = encoding.encode_set_link(
            ifindex, is_up=is_up, mtu=mtu, hardware_address=hardware_address
        )
        self._commands.ask(request)


class _Outcome:
    """What has become of a move so far."""

    def __init__(self) -> None:
        self.added: list[Item] = []
        self.removed: list[Item] = []
        self.refusals: list[Refusal] = []
        self._not_added: dict[object, str] = {}

    def additions(self, items: Sequence[Item], acks: Sequence[Ack]) -> None:
        for item, ack in zip(items, acks, strict=True):
            if not ack.error or ack.error in _ALREADY_THERE:
                self.added.append(item)
            else:
                self.refusals.append(Refusal(item, ack.reason))
                self._not_added[essence(item)] = ack.reason

    def changes(self, items: Sequence[Item], acks: Sequence[Ack]) -> None:
        """What is refused stays as it was added, which serves as well."""
        for item, ack in zip(items, acks, strict=True):
            if not ack.error:
                self.added.append(item)

    def has_added(self, item: Item) -> bool:
        return essence(item) not in self._not_added

    def without_kept(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that may be removed; the others are refused: they are nowhere else."""
        if not self._not_added:
            return items
        removable: list[Item] = []
        for item in items:
            reason = self._not_added.get(essence(item))
            if reason is None:
                removable.append(item)
            else:
                self.refusals.append(
                    Refusal(item, f"kept, since it was refused elsewhere: {reason}")
                )
        return removable

    def removals(self, items: Sequence[Item], acks: Sequence[Ack]) -> None:
        for item, ack in zip(items, acks, strict=True):
            if not ack.error or ack.error in _ALREADY_GONE:
                self.removed.append(item)
            else:
                self.refusals.append(Refusal(item, ack.reason))


def _finish(steps: Generator[None, None, _Decoded]) -> _Decoded:
    """What it comes to, at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Decoded = end.value
            return result


def _decode_all(
    payloads: Sequence[bytes], decode: Callable[[bytes], tuple[_Decoded, ...]]
) -> Iterator[_Decoded]:
    for payload in payloads:
        try:
            yield from decode(payload)
        except MalformedMessage as error:
            _log.warning("ignored a malformed netlink message: %s", error)


def _links(payload: bytes) -> tuple[Link, ...]:
    link = decoding.decode_link(payload)
    return () if link is None else (link,)


def _addresses(payload: bytes) -> tuple[KernelAddress, ...]:
    address = decoding.decode_address(payload)
    return () if address is None else (address,)


def _all_routes(payload: bytes) -> tuple[Route | SpreadRoute | PinnedRoute, ...]:
    return nexthop_messages.decode_spread_routes(payload) or _routes(payload)


def _rules(payload: bytes) -> tuple[PinRule, ...]:
    return rule_messages.decode(payload)


def _nexthop_seen(payload: bytes) -> tuple[SpreadItemSeen | ForeignNexthopSeen, ...]:
    item = nexthop_messages.decode_nexthop(payload)
    if item is None:
        return (ForeignNexthopSeen(nexthop_messages.decode_number(payload)),)
    return (SpreadItemSeen(item),)


def _routes(payload: bytes) -> tuple[Route, ...]:
    """With the time at which they end, where they do."""
    return decoding.decode_route(payload, time.monotonic())


def _is_in_force(route: Route) -> bool:
    """What has expired is not used any more, but may be listed for another half minute."""
    return route.expires_at is None or route.expires_at > time.monotonic()


def _encode(operation: Operation, item: Item) -> bytes:
    request = encoding.encode(operation, item)
    if operation is Operation.ADD and isinstance(item, Route) and item.expires_at is not None:
        return encoding.encode_expiry(request, item.expires_at - time.monotonic())
    return request


def _changes(header: Header, payload: bytes) -> Sequence[KernelChange]:
    """The notification as values; none where it does not concern us.  Raises MalformedMessage."""
    match header.kind:
        case MessageType.DELLINK:
            return [LinkGone(link.ifindex) for link in _links(payload)]
        case MessageType.NEWADDR:
            return [AddressSeen(address) for address in _addresses(payload)]
        case MessageType.NEWROUTE if (ifindex := multicast_device(payload)) is not None:
            return [FamilySwitched(ifindex, Family.IPV6, is_on=True)]
        case MessageType.DELROUTE if (ifindex := multicast_device(payload)) is not None:
            # Whoever removes the route by request has switched nothing off.
            return [FamilySwitched(ifindex, Family.IPV6, is_on=False)] if not header.port else ()
        case MessageType.NEWROUTE:
            is_replacement = bool(header.flags & NLM_F_REPLACE)
            return [
                SpreadItemSeen(route)
                if not isinstance(route, Route)
                else RouteSeen(route, is_replacement)
                for route in _all_routes(payload)
            ]
        case MessageType.DELROUTE:
            # What the kernel drops by itself (link down, last source address) has no sender.
            is_by_request = header.port != 0
            return [
                SpreadRouteGone(route, is_by_request)
                if not isinstance(route, Route)
                else RouteGone(route, is_by_request)
                for route in _all_routes(payload)
            ]
        case MessageType.NEWRULE:
            return [SpreadItemSeen(rule) for rule in rule_messages.decode(payload)]
        case MessageType.DELRULE:
            return [PinRuleGone(rule) for rule in rule_messages.decode(payload)]
        case MessageType.NEWNEXTHOP:
            return _nexthop_seen(payload)
        case MessageType.DELNEXTHOP:
            return [NexthopGone(nexthop_messages.decode_number(payload))]
        case _:
            return ()
