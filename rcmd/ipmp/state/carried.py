"""What of ours is on a device that has lost the name under which it was in our care."""

from __future__ import annotations

from dataclasses import dataclass

from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.model.network import IPAddress, RouteKey


@dataclass(frozen=True, slots=True)
class Carried:
    addresses: frozenset[IPAddress] = frozenset()
    routes: frozenset[RouteKey] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.addresses or self.routes)

    def still_there(self, view: KernelView, ifindex: int) -> Carried:
        addresses = self.addresses & {it.ip for it in view.addresses.get(ifindex, {})}
        return Carried(addresses, self.routes & view.table.on(ifindex).keys())
