"""The sysctls of a member, set before its first address and put back when it leaves.

Several NICs on one subnet need them (Documentation/networking/ip-sysctl.rst):

promote_secondaries            deleting the first address of a subnet must not delete the others
arp_ignore                     the NIC that has an address answers for it, and no other; so also
                               one that is for IPv6 alone, or it would answer for its neighbours
arp_announce                   it asks from the best of its addresses, never from another NIC's;
                               0 where it has none but a test address (`ipmp.placement.arp_source`)
rp_filter                      strict filtering would drop what comes in on any NIC but the first
ignore_routes_with_linkdown    a route through a NIC without carrier is passed over (also of IPv6)

Nothing is written but what differs.  `read_member` tells what `apply` is about to change, so that
it can be recorded first.  Keys are paths below /proc/sys (`net/ipv4/conf/eth0.5/arp_ignore`), never
the dotted form, which cannot hold a device name with a dot.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from rcmd.errors import RcmError
from rcmd.model.network import Family

_log = logging.getLogger(__name__)

PROC_SYS = Path("/proc/sys")
_IPV4_CONF = "net/ipv4/conf"
_IPV6_CONF = "net/ipv6/conf"
ARP_FROM_BEST = "2"
"""arp_announce: asked from the best address of the device."""
ARP_FROM_PACKET = "0"
"""From the address of the packet, whose ever it is."""
_MEMBER_IPV4 = {
    "promote_secondaries": "1",
    "arp_ignore": "1",
    "arp_announce": ARP_FROM_BEST,
    "ignore_routes_with_linkdown": "1",
}
_RP_FILTER_STRICT = 1
_RP_FILTER_LOOSE = "2"
_ARP_IGNORE_BY_NIC = (0, 1, 2)
"""Values of all/arp_ignore that leave the answer to the NIC that has the address."""


class SysctlError(RcmError):
    """A sysctl could not be read or written; the message names its path and the reason."""


def read_member(
    name: str, families: Collection[Family], *, is_grouped: bool, root: Path = PROC_SYS
) -> dict[str, str]:
    """The present value of every sysctl that `apply` would change, by path below `root`.

    Empty where the device is set up already: what was recorded before then stays valid.
    Raises SysctlError.
    """
    wanted = _wanted(name, families, is_grouped=is_grouped, root=root)
    return differing(wanted, root)


def differing(wanted: Mapping[str, str], root: Path = PROC_SYS) -> dict[str, str]:
    """The present value of each sysctl that is not as wanted, by path.  Raises SysctlError."""
    present = {path: _read(path, root) for path in wanted}
    return {path: value for path, value in present.items() if value != wanted[path]}


def deviations(
    name: str,
    families: Collection[Family],
    *,
    is_grouped: bool,
    is_bare: bool,
    root: Path = PROC_SYS,
) -> dict[str, tuple[str, str]]:
    """What `apply` made and is otherwise now: path -> (found, wanted).  Raises SysctlError.

    But for `disable_ipv6`: who switches IPv6 off on a device means it.
    """
    wanted = _wanted(name, families, is_grouped=is_grouped, is_bare=is_bare, root=root)
    wanted.pop(f"{_IPV6_CONF}/{name}/disable_ipv6", None)
    return {path: (found, wanted[path]) for path, found in differing(wanted, root).items()}


def apply(
    name: str,
    families: Collection[Family],
    *,
    is_grouped: bool,
    is_bare: bool = False,
    root: Path = PROC_SYS,
) -> tuple[str, ...]:
    """Set the sysctls that a device needs for addresses of these families.

    Only a member of a group (`is_grouped`) gets the IPv4 ones, for whichever families it is; a
    device that is for no family at all, and so only set up, is kept from answering ARP for its
    neighbours' addresses.  Returns what is set for `all` devices and defeats this, a sentence
    each.  Raises SysctlError.
    """
    wanted = _wanted(name, families, is_grouped=is_grouped, is_bare=is_bare, root=root)
    for path, value in wanted.items():
        if _read(path, root) != value:
            _write(path, value, root)
    return obstacles(root) if is_grouped else ()


def restore(values: Mapping[str, str], root: Path = PROC_SYS) -> None:
    """Put back what `read_member` returned.

    A device that is gone took its sysctls with it.  Everything that can be put back is; then the
    first failure is raised as SysctlError.
    """
    failures = []
    for path, value in values.items():
        if not (root / path).exists():
            _log.debug("%s is gone: nothing to put back", path)
            continue
        try:
            if _read(path, root) != value:
                _write(path, value, root)
        except SysctlError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def is_ipv6_router(name: str, root: Path = PROC_SYS) -> bool:
    """Whether the device forwards IPv6: what its neighbor advertisements must say (RFC 4861 4.4).

    False where it is gone, or has no IPv6.
    """
    try:
        return _read_number(f"{_IPV6_CONF}/{name}/forwarding", root) != 0
    except SysctlError as error:
        _log.debug("%s", error)
        return False


def _wanted(
    name: str,
    families: Collection[Family],
    *,
    is_grouped: bool,
    is_bare: bool = False,
    root: Path,
) -> dict[str, str]:
    if name in ("", ".", "..", "all", "default") or "/" in name:
        raise SysctlError(f"{name!r} is not the name of a device")
    wanted = {}
    if is_grouped:
        conf = f"{_IPV4_CONF}/{name}"
        wanted = {f"{conf}/{key}": value for key, value in _MEMBER_IPV4.items()}
        if is_bare:
            wanted[f"{conf}/arp_announce"] = ARP_FROM_PACKET
        # The greater of `all` and the device's own counts.  0, no filter, is left alone: loose
        # filtering would be stricter than what the administrator has.
        own = _read_number(f"{conf}/rp_filter", root)
        if max(own, _read_number(f"{_IPV4_CONF}/all/rp_filter", root)) == _RP_FILTER_STRICT:
            wanted[f"{conf}/rp_filter"] = _RP_FILTER_LOOSE
    elif not families:
        wanted = {f"{_IPV4_CONF}/{name}/arp_ignore": _MEMBER_IPV4["arp_ignore"]}
    if Family.IPV6 in families:
        wanted[f"{_IPV6_CONF}/{name}/disable_ipv6"] = "0"
        if is_grouped:
            wanted[f"{_IPV6_CONF}/{name}/ignore_routes_with_linkdown"] = "1"
    return wanted


def obstacles(root: Path = PROC_SYS) -> tuple[str, ...]:
    """What `all` forces on every device: the greater of it and the device's own counts."""
    path = f"{_IPV4_CONF}/all/arp_ignore"
    value = _read_number(path, root)
    if value in _ARP_IGNORE_BY_NIC:
        return ()
    return (f"{path} is {value}: the wrong NIC of a group may answer ARP, or none; set it to 0",)


def obstacles_to_bare(names: Collection[str], root: Path = PROC_SYS) -> tuple[str, ...]:
    """What `all` forces on those that carry nothing but a test address."""
    path = f"{_IPV4_CONF}/all/arp_announce"
    value = _read_number(path, root)
    if not value or not names:
        return ()
    return (
        f"{path} is {value}: {', '.join(sorted(names))} may ask by ARP from the address of"
        " another NIC; set it to 0",
    )


def answers_for_all(name: str, root: Path = PROC_SYS) -> bool:
    """Whether the device answers ARP for the addresses of all devices.

    False where it is gone.
    """
    try:
        return not any(
            _read_number(f"{_IPV4_CONF}/{device}/{key}", root)
            for device in ("all", name)
            for key in ("arp_ignore", "arp_filter")
        )
    except SysctlError as error:
        _log.debug("%s", error)
        return False


def _read(path: str, root: Path) -> str:
    try:
        return (root / path).read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise _error(path, error) from error


def _read_number(path: str, root: Path) -> int:
    value = _read(path, root)
    try:
        return int(value)
    except ValueError as error:
        raise SysctlError(f"{path}: {value!r} is not a number") from error


def _write(path: str, value: str, root: Path) -> None:
    try:
        # Not write_text(): that would create what does not exist.
        descriptor = os.open(root / path, os.O_WRONLY | os.O_CLOEXEC | os.O_TRUNC)
    except OSError as error:
        raise _error(path, error) from error
    try:
        os.write(descriptor, value.encode("ascii"))
    except OSError as error:
        raise _error(path, error) from error
    finally:
        os.close(descriptor)


def _error(path: str, error: OSError) -> SysctlError:
    reason = "no such device or sysctl" if error.errno == errno.ENOENT else error.strerror
    return SysctlError(f"{path}: {reason}")
