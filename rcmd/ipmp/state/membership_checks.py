"""Guards on a group: unique hardware addresses, one medium (overview, "Basic Requirements"), and
nobody who takes what members receive.

A port of a bridge, a bond or a team gets none of what is sent to its own addresses
(linux:net/core/dev.c, `rx_handler`), nor does the device below a macvlan in passthru mode.  A VRF
is another matter: its members keep their addresses, but in tables of their own, so one of them
cannot stand in for an interface outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.model.network import Link

VRF = "vrf"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a member may not serve (`barred`) or is not taken into the group (`rejected`)."""

    barred: str = ""
    rejected: str = ""
    is_misplaced: bool = False
    """Barred for what it is stacked under, and not for its hardware address."""


def examine(links: Sequence[Link], view: KernelView) -> Mapping[str, Verdict]:
    """Judge the present members of one group, in configured order.

    The first sets the medium (solaris.md 1.13); of two with one hardware address the one that is
    examined later is put offline (behaviour 4).
    """
    misplaced = _misplaced(links, view)
    verdicts = {name: Verdict(why, is_misplaced=True) for name, why in misplaced.items()}
    owners: dict[str, str] = {}
    serving = [link for link in links if link.name not in misplaced]
    for link in serving:
        if link.medium != serving[0].medium:
            reason = f"its medium (type {link.medium}) differs from that of {serving[0].name}"
            verdicts[link.name] = Verdict(rejected=f"{reason} (type {serving[0].medium})")
            continue
        owner = owners.setdefault(link.hardware_address, link.name)
        if link.hardware_address and owner != link.name:
            reason = f"its hardware address {link.hardware_address} is also that of {owner}"
            verdicts[link.name] = Verdict(barred=reason)
    return verdicts


def captivity(link: Link, view: KernelView) -> str:
    """Who takes what it receives, in a few words; empty where nobody does."""
    if link.master and _vrf(link, view) is None:
        master = view.links.get(link.master)
        name = master.name if master else f"device {link.master}"
        kind = f" ({master.kind})" if master and master.kind else ""
        return f"it is a port of {name}{kind}, which takes what it receives"
    captor = view.captor_of(link.ifindex)
    if captor is not None:
        return f"{captor.name}, a {captor.kind} in passthru mode on it, takes what it receives"
    return ""


def _misplaced(links: Sequence[Link], view: KernelView) -> dict[str, str]:
    found = {link.name: why for link in links if (why := captivity(link, view))}
    vrfs = {link.name: _vrf(link, view) for link in links if link.name not in found}
    first = next(iter(vrfs.values()), None)
    ours = None if None in vrfs.values() else first
    for name, vrf in vrfs.items():
        if vrf is not None and vrf != ours:
            found[name] = f"it belongs to the VRF {vrf}, and others of its group do not"
    return found


def _vrf(link: Link, view: KernelView) -> str | None:
    master = view.links.get(link.master)
    return master.name if master is not None and master.kind == VRF else None
