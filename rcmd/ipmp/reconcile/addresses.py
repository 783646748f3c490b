"""The data addresses that are not where they should be."""

from __future__ import annotations

from rcmd.ipmp.api.commands import Cause
from rcmd.ipmp.api.lease import Lease
from rcmd.ipmp.multicast.proxy_join import receptions
from rcmd.ipmp.placement.causes import cause_of, origin_of
from rcmd.ipmp.reconcile.slaac_copies import PrefixRoutes, settled, step_for
from rcmd.ipmp.rules.address_flags import IFA_F_NODAD
from rcmd.ipmp.state.address_book import DataAddress
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.batches import Batches, Edge
from rcmd.ipmp.state.group_state import Circles, Scene, kernel_label
from rcmd.ipmp.state.labels import LogicalNumbers
from rcmd.model.network import Family, IPNetwork, KernelAddress


class AddressDifference:
    """Also the memberships that go with them, and the routes that stand-ins need."""

    def __init__(
        self,
        scene: Scene,
        targets: Targets,
        circles: Circles | None,
        batches: Batches,
        numbers: LogicalNumbers,
    ) -> None:
        self._scene = scene
        self._circles = circles
        self._targets = targets
        self._batches = batches
        self._numbers = numbers
        self._prefix_routes = PrefixRoutes()
        self._left: dict[tuple[str, IPNetwork], tuple[Cause, Edge]] = {}
        """(interface, prefix) of every stand-in that goes, with the move that takes it."""

    def find(self) -> None:
        for data in self._scene.ledger.addresses(self._scene.homes(self._circles)):
            if data.is_up and data.key in self._targets:
                copies = self._scene.copies_of(data.key)
                if data.is_autoconfigured:
                    self._autoconfigured(data, copies)
                else:
                    self._data_address(data, copies)
        self._memberships()
        self._stale_prefix_routes()

    def _autoconfigured(self, data: DataAddress, copies: dict[str, KernelAddress]) -> None:
        """The original stays at home; elsewhere a stand-in serves."""
        target = self._targets[data.key]
        step = step_for(self._scene, data, target, copies)
        source = next((name for name in copies if name != target), None)
        # Without a move it is a matter of form.
        is_move = bool(step.add or step.remove)
        cause = Cause.CONFIGURE
        if is_move:
            cause = cause_of(self._scene, data.home, source, target, data.family)
        edge = (origin_of(data.home, source, target) if is_move else None, target)
        if target is None or target == data.home:
            self._numbers.forget(data.key)
        else:
            self._prefix_routes.want(target, data.address.network)
        if any(self._batches.was_refused(it) for it in (*step.add, *step.refresh)):
            return
        if target is not None and target != data.home:
            self._numbers.away(data.key, target)
            route = self._prefix_routes.missing(self._scene, target, data.address.network)
            if route is not None and not self._batches.was_refused(route):
                self._batches.of(cause, *edge).add_route(route)
        if step.add or step.remove or step.refresh:
            batch = self._batches.of(cause, *edge)
            batch.add += step.add
            batch.remove += [it for it in step.remove if not self._batches.has_to_stay(it)]
            batch.refresh += step.refresh
            batch.announce += step.announce
            batch.settle += [settled(it) for it in step.add if target == data.home]
            for copy in step.remove:
                link = self._scene.view.links[copy.ifindex]
                self._left[link.name, data.address.network] = (cause, edge)
        for original in step.put_back:
            if not self._batches.was_refused(original):
                home = self._batches.of(Cause.CONFIGURE, None, data.home)
                home.add.append(original)
                home.settle.append(settled(original))

    def _stale_prefix_routes(self) -> None:
        for name, route in self._prefix_routes.stale(self._scene, self._circles):
            if not self._batches.has_to_stay(route):
                by_itself = (Cause.CLEANUP, (name, None))
                cause, edge = self._left.get((name, route.destination), by_itself)
                self._batches.of(cause, *edge).remove_routes.append(route)

    def _data_address(self, data: DataAddress, copies: dict[str, KernelAddress]) -> None:
        target = self._targets[data.key]
        source = next((name for name in copies if name != target), None)
        home = data.home or self._last_place(data, target)
        stale = [
            copy
            for name, copy in copies.items()
            if name != target or ((data.configured or data.lease) and copy.address != data.address)
        ]
        if target is None:
            # What a device took along with another name, and can live nowhere else.
            stale = [it for it in stale if not self._scene.took_along(it.ifindex, data.key)]
        if target is None or target == data.home:
            self._numbers.forget(data.key)
        wanted = None
        if target is not None and not any(
            copy.address == data.address for name, copy in copies.items() if name == target
        ):
            is_move = source is not None or target != home
            is_move = is_move and not self._scene.duplicates.is_suspect(data.key)
            if self._was_refused(data, target, is_move=is_move):
                return
            wanted = self._wanted(data, target, is_move=is_move)
        if wanted is None and target is not None and data.lease is not None:
            self._refresh(data, data.lease, target)
        if wanted or stale:
            cause = cause_of(self._scene, home, source, target, data.family)
            if data.group:
                cause = self._cause_of_shared(data, cause, source, target)
            batch = self._batches.of(cause, origin_of(home, source, target), target)
            batch.remove += [copy for copy in stale if not self._batches.has_to_stay(copy)]
            is_in_the_way = data.family is Family.IPV6 and any(
                wanted and copy.ifindex == wanted.ifindex for copy in stale
            )
            # IPv6 knows an address whatever its prefix: the old one has to go first.
            if wanted and target and not is_in_the_way:
                batch.add.append(wanted)
                batch.settle += self._settled(data, target, wanted)
                if wanted.family is Family.IPV4 or wanted.flags & IFA_F_NODAD:
                    batch.announce.append(wanted)

    def _was_refused(self, data: DataAddress, target: str, *, is_move: bool) -> bool:
        """Asked before it is given a number, which others may need."""
        ifindex, at_home = self._scene.members[target].ifindex, target == data.home
        return self._batches.was_refused(data.on(ifindex, "", at_home=at_home, is_move=is_move))

    def _wanted(self, data: DataAddress, target: str, *, is_move: bool) -> KernelAddress:
        at_home = target == data.home
        number = (
            self._numbers.at_home(data.key, target, data.logical)
            if at_home
            else self._numbers.away(data.key, target)
        )
        device = self._scene.kernel_name(target)
        label = kernel_label(device, number) if data.family is Family.IPV4 else ""
        ifindex = self._scene.members[target].ifindex
        return data.on(ifindex, label, at_home=at_home, is_move=is_move)

    def _settled(self, data: DataAddress, target: str, added: KernelAddress) -> list[KernelAddress]:
        """What came home is again as it was, without a trace of the move (behaviour 68)."""
        final = self._wanted(data, target, is_move=False)
        is_home = target == data.home or bool(data.group)
        return [final] if is_home and final != added else []

    def _refresh(self, data: DataAddress, lease: Lease, target: str) -> None:
        """A renewed lease: its address stays as it is, the kernel counts down anew."""
        held = self._wanted(data, target, is_move=False)
        if self._scene.ledger.leases.needs_telling(lease, held.ifindex):
            self._batches.of(Cause.CONFIGURE, None, target).settle.append(held)

    def _last_place(self, data: DataAddress, target: str | None) -> str:
        """Of one that the group shares: where it has last been stands for its home."""
        last, _ = self._scene.numbers.get(data.key, (target or "", 0))
        return last

    def _cause_of_shared(
        self, data: DataAddress, cause: Cause, source: str | None, target: str | None
    ) -> Cause:
        """`cause` is that of one whose home is where it has last been."""
        giver, taker = (self._scene.members.get(name or "") for name in (source, target))
        if taker is None or giver is None or giver.group != data.group:
            return cause
        if data.key in taker.recalls:
            return Cause.FAILBACK
        cause = cause_of(self._scene, giver.name, source, target, data.family)
        return Cause.REBALANCE if cause is Cause.CLEANUP else cause

    def _memberships(self) -> None:
        """In the same batch as the addresses: multicast is no later than unicast."""
        for it in receptions(self._scene, self._targets, self._batches, self._circles):
            if it.home is None:
                self._batches.clean_up(it.source, it.address)
                continue
            family = it.address.family
            cause = cause_of(self._scene, it.home, it.source, it.target, family)
            batch = self._batches.of(cause, origin_of(it.home, it.source, it.target), it.target)
            (batch.add if it.is_wanted else batch.remove).append(it.address)
