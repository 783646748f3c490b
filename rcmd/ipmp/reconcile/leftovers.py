"""Test addresses, and what is ours but no longer wanted."""

from __future__ import annotations

from dataclasses import replace

from rcmd.ipmp.api.commands import Cause
from rcmd.ipmp.placement.capability import can_hold
from rcmd.ipmp.placement.link_local import to_put_back
from rcmd.ipmp.reconcile.slaac_copies import settled
from rcmd.ipmp.rules.address_flags import IFA_F_DADFAILED
from rcmd.ipmp.state.address_book import kernel_address
from rcmd.ipmp.state.batches import Batches
from rcmd.ipmp.state.duplicate_addresses import Phase
from rcmd.ipmp.state.group_state import Circles, Scene, kernel_label
from rcmd.ipmp.state.labels import LogicalNumbers
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.memberships import is_autojoin
from rcmd.model.network import RCMD_PROTOCOL, Family, IPAddress, KernelAddress, RouteKey


class Leftovers:
    def __init__(
        self,
        scene: Scene,
        circles: Circles | None,
        batches: Batches,
        numbers: LogicalNumbers,
    ) -> None:
        self._scene = scene
        self._circles = circles
        self._batches = batches
        self._numbers = numbers

    def find(self) -> None:
        self._test_addresses()
        self._link_local_addresses()
        self._duplicates()
        self._leftovers()

    def _test_addresses(self) -> None:
        for member in self._scene.members_of(self._circles):
            if member.is_set_down:
                continue
            held = self._scene.view.addresses.get(member.ifindex, {})
            for address in self._scene.test_addresses(member):
                wanted = kernel_address(address, member.ifindex, "")
                if self._scene.duplicates.is_being_removed(wanted.address.ip):
                    continue
                if not can_hold(self._scene, member, wanted.family):
                    continue
                if wanted.address not in held and not self._batches.was_refused(wanted):
                    key, own = wanted.address.ip, address.logical
                    number = self._numbers.at_home(key, member.name, own)
                    label = kernel_label(self._scene.kernel_name(member.name), number)
                    wanted = kernel_address(address, member.ifindex, label)
                    batch = self._batches.of(Cause.CONFIGURE, None, member.name)
                    batch.add.append(wanted)
                    if wanted.family is Family.IPV4:
                        # The answers to its probes must not go where it was before; one of IPv6
                        # is announced once it is known to be unique (`detection`).
                        batch.announce.append(wanted)

    def _link_local_addresses(self) -> None:
        for member in self._scene.members_of(self._circles):
            again = to_put_back(self._scene, member)
            if again is not None and not self._batches.was_refused(again):
                batch = self._batches.of(Cause.CONFIGURE, None, member.name)
                batch.add.append(again)
                batch.settle.append(settled(again))

    def _duplicates(self) -> None:
        """What failed duplicate detection is taken off, to be added anew."""
        for member in self._scene.members_of(self._circles):
            held = self._scene.view.addresses.get(member.ifindex, {})
            for suspect in self._scene.duplicates.of(member.name):
                found = held.get(suspect.address.address)
                match suspect.phase:
                    case Phase.REMOVING if found and found.flags & IFA_F_DADFAILED:
                        self._batches.clean_up(member.name, found)
                    case Phase.DETECTING if not found and suspect.address.address.ip.is_link_local:
                        again = replace(suspect.again(), ifindex=member.ifindex)
                        if not self._batches.was_refused(again):
                            self._batches.of(Cause.CONFIGURE, None, member.name).add.append(again)
                    case _:
                        pass

    def _leftovers(self) -> None:
        held = self._scene.view.addresses
        for member in self._scene.members_of(self._circles):
            for address in held.get(member.ifindex, {}).values():
                if self._is_leftover(member, address):
                    self._batches.clean_up(member.name, address)
        for ifindex in held.keys() - {it.ifindex for it in self._scene.members.values()}:
            for address in held[ifindex].values():
                if self._was_carried_off(ifindex, address):
                    self._batches.clean_up(None, address)
        self._carried()

    def _carried(self) -> None:
        """A device that is in no use under its new name took along what lives elsewhere by now.

        What can live nowhere else stays: it is of more use there than nowhere.
        """
        scene = self._scene
        there = {
            ifindex: it.still_there(scene.view, ifindex) for ifindex, it in scene.carried.items()
        }
        scene.carried = {ifindex: carried for ifindex, carried in there.items() if carried}
        for ifindex, carried in scene.carried.items():
            if scene.member_at(ifindex) is not None:
                continue
            held = scene.view.addresses.get(ifindex, {})
            for address in [it for it in held.values() if it.address.ip in carried.addresses]:
                key = address.address.ip
                if self._lives_elsewhere(key) or not scene.ledger.knows(key):
                    self._batches.clean_up(None, address)
            # In the order of their arrival.
            for route_key, route in scene.view.table.on(ifindex).items():
                is_ours = route_key in carried.routes and self._is_route_elsewhere(route_key)
                if is_ours and not self._batches.was_refused(route):
                    self._batches.of(Cause.CLEANUP, None, None).remove_routes.append(route)

    def _is_route_elsewhere(self, key: RouteKey) -> bool:
        carriers = map(self._scene.member_at, self._scene.view.table.carriers_of(key))
        return any(carriers) or not self._scene.ledger.knows_route(key)

    def _was_carried_off(self, ifindex: int, address: KernelAddress) -> bool:
        """It has our mark, lives elsewhere, and nobody knows any more how it came here."""
        if address.protocol != RCMD_PROTOCOL:
            return False
        name = self._scene.view.links[ifindex].name if ifindex in self._scene.view.links else ""
        key = address.address.ip
        return name not in self._scene.members and self._lives_elsewhere(key)

    def _lives_elsewhere(self, key: IPAddress) -> bool:
        """Or belongs there."""
        return bool(self._scene.copies_of(key)) or self._scene.is_test_address(key)

    def _is_leftover(self, member: Member, address: KernelAddress) -> bool:
        """Ours and no longer asked for; on a detached interface, whatever is still there."""
        key = address.address.ip
        if self._scene.ledger.knows(key) or key.is_link_local or is_autojoin(address):
            return False
        if member.intent is Intent.DETACHED and member.plumbed:
            return True
        return address.protocol == RCMD_PROTOCOL and not any(
            wanted.address.ip == key for wanted in self._scene.test_addresses(member)
        )
