"""Guards on a group: unique hardware addresses, one medium (overview, "Basic Requirements")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rcmd.model import Link


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a member may not serve (`barred`) or is not taken into the group (`rejected`)."""

    barred: str = ""
    rejected: str = ""


def examine(links: Sequence[Link]) -> Mapping[str, Verdict]:
    """Judge the present members of one group, in configured order.

    The first sets the medium (solaris.md 1.13); of two with one hardware address the one that is
    examined later is put offline (behaviour 4).
    """
    verdicts: dict[str, Verdict] = {}
    owners: dict[str, str] = {}
    for link in links:
        if link.medium != links[0].medium:
            reason = f"its medium (type {link.medium}) differs from that of {links[0].name}"
            verdicts[link.name] = Verdict(rejected=f"{reason} (type {links[0].medium})")
            continue
        owner = owners.setdefault(link.hardware_address, link.name)
        if link.hardware_address and owner != link.name:
            reason = f"its hardware address {link.hardware_address} is also that of {owner}"
            verdicts[link.name] = Verdict(barred=reason)
    return verdicts
