"""systemd-networkd: what it does with the routes, rules and nexthops of others (networkd.conf(5)).

It removes them when it starts and when a link appears, also those that are on none of its links.
"""

from __future__ import annotations

from collections.abc import Sequence

from rcmd.configuration.conflicts.conflict import Claim, Manager, SourceText
from rcmd.configuration.conflicts.ini import systemd_entries, truth

MAIN_PATH = "/etc/systemd/networkd.conf"
OURS = "10-rcmd.conf"
KEYS = {
    "ManageForeignRoutes": "routes",
    "ManageForeignRoutingPolicyRules": "policy rules",
    "ManageForeignNextHops": "nexthops",
}
"""Key of [Network] -> what is removed unless it says no."""


def foreign_routes_claim(name: str, sources: Sequence[SourceText]) -> Claim | None:
    """`sources` are its settings in the order they are read; `name` is an interface of ours."""
    if any(source.text is None for source in sources):
        return None
    last = {
        entry.key: (source.path, entry.line, truth(entry.value))
        for source in sources
        for entry in systemd_entries(source.text or "")
        if entry.section == "Network" and truth(entry.value) is not None
    }
    removed = {key: what for key, what in KEYS.items() if last.get(key, ("", 0, True))[2]}
    if not removed:
        return None
    said = [last[key][:2] for key in removed if key in last]
    path, line = said[0] if said else (MAIN_PATH, 1)
    wanted = ", ".join(f"{key}=no" for key in removed)
    *others, final = removed.values()
    what = f"{', '.join(others)} and {final}" if others else final
    return Claim(
        path,
        line,
        Manager.NETWORKD,
        name,
        "it removes what it did not make: install "
        f"/etc/systemd/networkd.conf.d/{OURS}, or set {wanted} in [Network]",
        f"the {what} of others",
    )
