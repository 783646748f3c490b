"""Carries out a `Spread`, item by item."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Sequence

from rcmd.ipmp.api.commands import Spread
from rcmd.ipmp.api.events import SpreadDone, SpreadRefusal
from rcmd.ipmp.api.nexthops import Sibling, SpreadItem
from rcmd.kernel.netlink import nexthops
from rcmd.kernel.netlink.neighbours import encode_use
from rcmd.kernel.netlink.sockets import CommandSocket

_THERE = frozenset({errno.EEXIST})
_GONE = frozenset({errno.ENOENT, errno.ESRCH})


def execute(spread: Spread, commands: CommandSocket) -> SpreadDone:
    """Add, then remove.  What is there already counts as added, what is gone as removed."""
    added, refused = _each(spread.add, nexthops.encode_addition, commands, _THERE)
    ask_for_gateways((it for it in added if isinstance(it, Sibling)), commands)
    removed, kept = _each(spread.remove, nexthops.encode_removal, commands, _GONE)
    return SpreadDone(spread, added, removed, (*refused, *kept))


def ask_for_gateways(siblings: Iterable[Sibling], commands: CommandSocket) -> None:
    """Where each of them is, through its own device; what the kernel will not do is let go."""
    ways = {(it.route.ifindex, it.route.gateway) for it in siblings}
    requests = [encode_use(ifindex, gateway) for ifindex, gateway in ways if gateway is not None]
    for _ in commands.execute(requests):
        pass


def _each(
    items: Sequence[SpreadItem],
    encode: Callable[[SpreadItem], bytes],
    commands: CommandSocket,
    forgiven: Collection[int],
) -> tuple[tuple[SpreadItem, ...], tuple[SpreadRefusal, ...]]:
    done: list[SpreadItem] = []
    refusals: list[SpreadRefusal] = []
    acks = commands.execute([encode(item) for item in items])
    for item, ack in zip(items, acks, strict=True):
        if not ack.error or ack.error in forgiven:
            done.append(item)
        else:
            refusals.append(SpreadRefusal(item, ack.reason))
    return tuple(done), tuple(refusals)
