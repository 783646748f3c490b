"""The wording of what happens to leases.

The details of `lease-granted` are what the server said beside the address (`dns`, `domain`, ...):
rcmd sets no resolver, and whoever does can listen for this event on the bus.
"""

from __future__ import annotations

from collections.abc import Mapping

from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.lease import Lease


def granted(lease: Lease, lease_s: float | None, options: Mapping[str, str]) -> Report:
    time = "without end" if lease_s is None else f"for {lease_s:.0f} s"
    text = f"{lease.address} was leased to {lease.home}{_by(lease)} {time}"
    detail = {**options, "address": str(lease.address), "through": lease.through}
    return Report(Severity.NOTICE, "lease-granted", lease.home, text, detail)


def kept_alive(lease: Lease) -> Report:
    text = f"The lease of {lease.address} (home {lease.home}) is kept alive through {lease.through}"
    detail = {"address": str(lease.address), "through": lease.through}
    return Report(Severity.NOTICE, "lease-renewed", lease.home, text, detail)


def lost(lease: Lease, reason: str, *, is_failure: bool) -> Report:
    severity = Severity.ERROR if is_failure else Severity.NOTICE
    text = f"The lease of {lease.address} (home {lease.home}) is given up: {reason}"
    detail = {"address": str(lease.address), "reason": reason}
    return Report(severity, "lease-lost", lease.home, text, detail)


def in_use_already(lease: Lease) -> Report:
    text = (
        f"{lease.address}, leased to {lease.home}{_by(lease)}, is an address of this host already"
    )
    return Report(Severity.ERROR, "lease-refused", lease.home, text)


def _by(lease: Lease) -> str:
    return f" by the DHCP server {lease.server}" if lease.server else ""
