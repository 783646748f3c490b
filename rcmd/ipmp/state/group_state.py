"""Everything a decision is made from, in one place; and the questions asked of it.

The engine changes it, `arrangement` and `difference` only read it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from rcmd.ipmp.rules.courtesy import Courtesy
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.rules.refusals import Refusals
from rcmd.ipmp.state.address_book import (
    DataAddress,
    Ledger,
    MovableKey,
    RouteAtHome,
    as_found,
    owner_in,
)
from rcmd.ipmp.state.batches import ItemKey
from rcmd.ipmp.state.carried import Carried
from rcmd.ipmp.state.duplicate_addresses import Duplicates
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.losses import Losses
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.memberships import Memberships
from rcmd.ipmp.state.restore_policy import Drift
from rcmd.ipmp.state.route_places import Place, RoutePlaces
from rcmd.model.kinds import AddressKind
from rcmd.model.network import IPAddress, KernelAddress, RouteKey
from rcmd.model.settings import Address, Settings

Circles = Container[str]
"""Those members that are looked at (`Member.circle`); None is everybody."""


@dataclass(slots=True)
class Scene:
    settings: Settings = field(default_factory=Settings)
    members: dict[str, Member] = field(default_factory=dict)
    """In configured order."""
    ledger: Ledger = field(default_factory=Ledger)
    drift: Drift = field(default_factory=Drift)
    view: KernelView = field(default_factory=KernelView)
    has_settled: bool = False
    was_interrupted: bool = False
    """The last process may have died in the middle of a move, and nobody has looked since."""
    speeds: dict[str, int] = field(default_factory=dict)
    """Mbit/s of the links, as far as that is known and asked for."""
    numbers: dict[IPAddress, tuple[str, int]] = field(default_factory=dict)
    """Logical number of an address away from home: address -> (host, number)."""
    duplicates: Duplicates = field(default_factory=Duplicates)
    hosts_of_down: dict[MovableKey, str] = field(default_factory=dict)
    """Where addresses live that are not up, and so are not in the kernel."""
    memberships: Memberships = field(default_factory=Memberships)
    losses: Losses = field(default_factory=Losses)
    route_places: RoutePlaces = field(default_factory=RoutePlaces)
    """Ask `places`, which brings it up to date."""
    shadowed: dict[str, str] = field(default_factory=dict)
    """Name that has a file which does not count -> the name of the same device whose file does."""
    carried: dict[int, Carried] = field(default_factory=dict)
    """Device (ifindex) that was called otherwise -> what of ours it took along."""
    courtesy: Courtesy = field(default_factory=Courtesy)
    refusals: Refusals[ItemKey] = field(default_factory=Refusals)
    """What the kernel would not do when it was last asked."""
    unready: Refusals[int] = field(default_factory=Refusals)
    """The devices in use (ifindex) that could not be set up."""

    def by_ifindex(self) -> dict[int, Member]:
        return {member.ifindex: member for member in self.members.values() if member.ifindex}

    def member_at(self, ifindex: int) -> Member | None:
        """Whose device it is, if we have taken it into use."""
        link = self.view.links.get(ifindex)
        member = self.members.get(link.name) if link else None
        return member if member and member.ifindex == ifindex else None

    def kernel_name(self, name: str) -> str:
        """How the kernel calls the device of a member, for labels and the like."""
        link = self.view.links.get(self.members[name].ifindex)
        return link.kernel_name if link else name

    def members_of(self, circles: Circles | None) -> list[Member]:
        """Goes through everybody, and often: so it does not even ask for `Member.circle`."""
        if circles is None:
            return list(self.members.values())
        return [
            member
            for member in self.members.values()
            if (member.config.group or f"/{member.config.name}") in circles
        ]

    def groups(self, circles: Circles | None = None) -> dict[str, list[Member]]:
        """Members by group; an interface without a group stands alone under its own name."""
        groups: dict[str, list[Member]] = {}
        for member in self.members_of(circles):
            groups.setdefault(member.group or f"/{member.name}", []).append(member)
        return groups

    def homes(self, circles: Circles | None) -> Container[str] | None:
        """The homes that `circles` decide for; a home that is no member may be anybody's."""
        if circles is None:
            return None
        members = self.members_of(circles)
        names = {member.name for member in members}
        names |= {owner_in(member.config.group) for member in members}
        return names | (self.ledger.homes() - self.members.keys())

    def peers(self, member: Member) -> list[Member]:
        if not member.group:
            return []
        return [
            other
            for other in self.members.values()
            if other is not member and other.group == member.group
        ]

    def copies(self) -> dict[IPAddress, dict[str, KernelAddress]]:
        """Address -> interface -> what the kernel holds, for the interfaces in our care."""
        found: dict[IPAddress, dict[str, KernelAddress]] = {}
        for ifindex, member in self.by_ifindex().items():
            for held in self.view.addresses.get(ifindex, {}).values():
                found.setdefault(held.address.ip, {})[member.name] = held
        for key, copies in found.items():
            if len(copies) > 1:
                found[key] = self._in_service(key, copies)
        return found

    def copies_of(self, key: IPAddress) -> dict[str, KernelAddress]:
        """As `copies`, of one address."""
        found: dict[str, KernelAddress] = {}
        for held in self.view.copies_of(key):
            member = self.member_at(held.ifindex)
            if member is not None:
                found[member.name] = held
        if len(found) < 2:
            return found
        return self._in_service(key, {name: found[name] for name in sorted(found)})

    def _in_service(
        self, key: IPAddress, copies: dict[str, KernelAddress]
    ) -> dict[str, KernelAddress]:
        """The original of an autoconfigured address that is served elsewhere is out of service."""
        home = self.ledger.autoconfigured_home(key)
        if home is None or home not in copies:
            return copies
        return {name: held for name, held in copies.items() if name != home}

    def original_at_home(self, key: IPAddress) -> KernelAddress | None:
        """The original of an autoconfigured address, whether or not it is in service."""
        member = self.members.get(self.ledger.autoconfigured_home(key) or "")
        if member is None or not member.ifindex:
            return None
        found = self.ledger.adopted[key].address
        return self.view.addresses.get(member.ifindex, {}).get(found)

    def is_serving(self, name: str, key: IPAddress) -> bool:
        """Whether a data address that the interface holds is in service there."""
        if not self.ledger.knows(key) or self.is_held_back(key):
            return False
        return self.ledger.autoconfigured_home(key) != name or name in self.copies_of(key)

    def is_held_back(self, key: IPAddress) -> bool:
        """Another machine has it: it stays where it is until it proves unique."""
        return self.duplicates.is_being_removed(key) or (
            self.duplicates.is_suspect(key) and bool(self.copies_of(key))
        )

    def places(self) -> RoutePlaces:
        """Where the known routes are, as of now."""
        recalled = tuple(
            # Who is detached keeps them in case that is undone; until then it calls nothing.
            (member.name, member.recalls)
            for member in self.members.values()
            if member.recalls and member.intent is not Intent.DETACHED
        )
        self.route_places.update(self.view.table, self.ledger, recalled, self.refusals)
        return self.route_places

    def carrying(self, place: Place) -> list[str]:
        """The interfaces in our care that have the routes of a place."""
        members = (self.member_at(ifindex) for ifindex in place.carriers)
        return sorted(member.name for member in members if member is not None)

    def took_along(self, ifindex: int, key: IPAddress | RouteKey) -> bool:
        """The device was called otherwise when this came to live on it."""
        carried = self.carried.get(ifindex)
        if carried is None:
            return False
        return key in (carried.routes if isinstance(key, RouteKey) else carried.addresses)

    def route_hosts(self, known: RouteAtHome) -> list[str]:
        """Where it is.  The same route of another group, on its own interfaces, is another one."""
        home = self.members.get(known.home)
        carriers = (self.member_at(ifindex) for ifindex in self.view.carriers_of(known.key))
        return sorted(
            member.name
            for member in carriers
            if member is not None and (home is None or member.circle == home.circle)
        )

    def gone_along(self) -> Iterator[DataAddress]:
        """What was added by hand and went with an interface that was detached: with it, it
        comes back."""
        for member in self.members.values():
            for key, original in member.lost.items():
                if original is not None and not self.ledger.knows(key):
                    yield as_found(key, original, member.name)

    def test_addresses(self, member: Member) -> Iterator[Address]:
        """The test addresses that should be on the interface now."""
        if not member.ifindex or member.is_offline or member.intent is Intent.DETACHED:
            return
        for address in member.config.addresses:
            is_wanted = address.address.ip not in self.ledger.withdrawn
            if address.kind is AddressKind.TEST and address.is_up and is_wanted:
                yield address

    def is_test_address(self, key: IPAddress) -> bool:
        """Of any member, by its file."""
        return any(
            address.kind is AddressKind.TEST and address.address.ip == key
            for member in self.members.values()
            for address in member.config.addresses
        )

    def is_inactive(self, member: Member) -> bool:
        """Solaris INACTIVE: not failed, kept free by policy, and free (solaris.md 0.1).

        Never together with FAILED (behaviour 27), but also while it has yet to prove itself.
        """
        if member.fitness < Fitness.UNPROVEN or member.health is Health.FAILED:
            return False
        if not (member.config.is_standby or member.is_spare):
            return False
        held = self.view.addresses.get(member.ifindex, {})
        return not any(self.is_serving(member.name, address.ip) for address in held)


def label_of(host: str, number: int) -> str:
    return host if number == 0 else f"{host}:{number}"


def number_in(label: str) -> int:
    """`hme0:2` -> 2; a label without a number is logical 0."""
    _, _, digits = label.rpartition(":")
    return int(digits) if digits.isdecimal() and ":" in label else 0


LABEL_LENGTH = 15
"""IFNAMSIZ less the terminating zero."""


def kernel_label(host: str, number: int) -> str:
    """The label as the kernel can hold it."""
    label = label_of(host, number)
    return label if len(label) <= LABEL_LENGTH else host


Fitnesses = Mapping[str, Fitness]
