"""Everything that the host's kernel holds that rcmd could change, to compare before with after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rcmd.lab.lab import Lab

_SHOW = (
    "ip -j -d link",
    "ip -j -d addr",
    "ip -j -d -4 route show table all",
    "ip -j -d -6 route show table all",
    "ip -j -4 rule",
    "ip -j -6 rule",
    "ip -j nexthop",
    "ip -j -4 maddr",
    "ip -j -6 maddr",
)
_SYSCTLS = """\
cd /proc/sys/net && grep -rs . ipv4/conf ipv6/conf | grep -v -e stable_secret
grep -s . ipv4/fib_multipath_* ipv6/fib_multipath_*
"""


def dump(lab: Lab) -> dict[str, str]:
    """Links, addresses, routes, nexthops, rules, memberships and sysctls, byte by byte.

    Title -> text, in the kernel's order.  Errors: LabError.
    """
    shown = {what: lab.run(what.split(), check=True).stdout for what in _SHOW}
    return {**shown, "sysctls": lab.run(["sh", "-c", _SYSCTLS], check=True).stdout}


def essence(lab: Lab) -> list[str]:
    """As `dump`, one line for each thing, without the order in which the kernel met them.

    A member that left and came back is the latest: of the addresses of a multicast list, the
    routes of one prefix and the siblings of an IPv6 route.
    """
    shown = dump(lab)
    found = shown.pop("sysctls").splitlines()
    for title, text in shown.items():
        for entry in json.loads(text or "[]"):
            for part in ("addr_info", "maddr"):
                lines = [json.dumps(it, sort_keys=True) for it in entry.pop(part, [])]
                found += [f"{title}: {entry['ifname']} {line}" for line in lines]
            entry.get("nexthops", []).sort(key=json.dumps)
            found.append(f"{title}: {json.dumps(entry, sort_keys=True)}")
    return sorted(found)


def difference(before: list[str], after: list[str]) -> list[str]:
    """What is not the same, for people to read."""
    gone = [f"- {line}" for line in before if line not in after]
    return gone + [f"+ {line}" for line in after if line not in before]
