"""What of a packet decides which of several nexthops it takes: one setting for each family.

The kernel's usual hash covers the source address.  A socket that is not bound has none yet when its
first route is looked up, and gets that of the NIC it is sent to; looked up again with that source
it would be sent to another NIC, and leave with the wrong address.  So ours leaves the source
address out (fib_multipath_hash_policy 3, Documentation/networking/ip-sysctl.rst): a flow has only
one, and hashes the same with and without it.

A kernel before 5.14 cannot choose the fields: there, flows are told by the usual five (policy 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from rcmd.kernel.sysctls import PROC_SYS
from rcmd.model.kinds import LoadSpreading

_FAMILIES = ("net/ipv4", "net/ipv6")
_POLICY = "fib_multipath_hash_policy"
_FIELDS = "fib_multipath_hash_fields"
_BY_FIVE = "1"
_BY_FIELDS = "3"
_DESTINATION = 0x02
_PROTOCOL = 0x04
_PORTS = 0x10 | 0x20


def wanted(mode: LoadSpreading, root: Path = PROC_SYS) -> dict[str, str]:
    """Path below `root` -> value; nothing for OFF, nor where the kernel has no such setting."""
    values: dict[str, str] = {}
    for family in _FAMILIES:
        if not (root / family / _POLICY).exists():
            continue
        match mode:
            case LoadSpreading.OFF:
                continue
            case LoadSpreading.FLOW:
                fields = _DESTINATION | _PROTOCOL | _PORTS
            case LoadSpreading.DESTINATION:
                fields = _DESTINATION
            case _:
                assert_never(mode)
        if (root / family / _FIELDS).exists():
            # Fields first: the policy that uses them must not meet the wrong ones.
            values[f"{family}/{_FIELDS}"] = str(fields)
            values[f"{family}/{_POLICY}"] = _BY_FIELDS
        elif mode is LoadSpreading.FLOW:
            values[f"{family}/{_POLICY}"] = _BY_FIVE
    return values
