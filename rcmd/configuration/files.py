"""Which files there are, and what their names say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from rcmd.configuration.foreign_bridges import bridge_maker
from rcmd.configuration.text import quoted
from rcmd.model import Family, Fault

SETTINGS_PATH = "/etc/rcmd/rcmd.yaml"
MPATHD_PATH = "/etc/default/mpathd"
HOSTS_PATH = "/etc/hosts"
NETMASKS_PATHS = ("/etc/inet/netmasks", "/etc/netmasks")
DHCP_PREFIX = "/etc/dhcp."
HOSTNAME_PREFIXES = {"/etc/hostname.": Family.IPV4, "/etc/hostname6.": Family.IPV6}

_LEFT_BEHIND = ("*~", "*.bak", "*.orig", "*.dpkg-*", "*.rpm*")
"""What editors and package managers leave beside a file."""

_NAME_BYTES = 15
"""IFNAMSIZ less the closing NUL (linux:include/uapi/linux/if.h)."""

_HIGHEST_LOGICAL = 8191
"""The largest number of logical interfaces Solaris can be set to is 8192 (ip_addrs_per_if)."""


@dataclass(frozen=True, slots=True)
class ConfigurationFiles:
    """The text of every configuration file, by its absolute path."""

    hostname: Mapping[str, str] = field(default_factory=dict)
    """Path -> text of /etc/hostname.* and /etc/hostname6.*."""
    dhcp: frozenset[str] = frozenset()
    """Paths of the /etc/dhcp.* files; only that they exist matters."""
    settings: str = ""
    mpathd: str = ""
    hosts: str = ""
    netmasks: Mapping[str, str] = field(default_factory=dict)
    """Path -> text; /etc/inet/netmasks and /etc/netmasks may both exist."""
    faults: tuple[Fault, ...] = ()
    """Files that could not be read or are not UTF-8; they have no text above."""


@dataclass(frozen=True, slots=True, order=True)
class HostnameName:
    """What the name of a hostname file says; the order is the order of configuration."""

    interface: str
    family: Family
    logical: int
    path: str


def is_left_behind(path: str) -> bool:
    """Is it a backup, a package manager's copy or the like, to be ignored?"""
    return any(fnmatchcase(path, pattern) for pattern in _LEFT_BEHIND)


def hostname_name(path: str) -> HostnameName | Fault | None:
    """Take the path of a hostname file apart; None where the file is none of ours.

    Unlike on Solaris the name need not end in a digit: Linux names do not always do.
    """
    for prefix, family in HOSTNAME_PREFIXES.items():
        if path.startswith(prefix) and not is_left_behind(path):
            return _split(path, path.removeprefix(prefix), family)
    return None


def hostname_interface(path: str) -> str:
    """The interface a hostname file is about, whatever its name is worth; empty for other files."""
    for prefix in HOSTNAME_PREFIXES:
        if path.startswith(prefix):
            return path.removeprefix(prefix).partition(":")[0]
    return ""


def _split(path: str, name: str, family: Family) -> HostnameName | Fault:
    interface, colon, number = name.partition(":")
    problem = interface_name_problem(interface)
    if problem:
        return Fault(path, 1, problem)
    maker = bridge_maker(interface)
    if maker:
        text = f"{interface} is a bridge of {maker}, which rcmd never touches: remove this file"
        return Fault(path, 1, text)
    if not colon:
        return HostnameName(interface, family, 0, path)
    if not re.fullmatch(r"[1-9][0-9]{0,3}", number) or int(number) > _HIGHEST_LOGICAL:
        return Fault(
            path, 1, f"{quoted(number)}: a logical interface number is 1 to {_HIGHEST_LOGICAL}"
        )
    return HostnameName(interface, family, int(number), path)


def interface_name_problem(name: str) -> str:
    """Say why Linux cannot have an interface of that name; empty where it can.

    linux:net/core/dev.c dev_valid_name(); `all` and `default` would name the sysctls of every
    interface.
    """
    size = len(name.encode(errors="replace"))
    if not 1 <= size <= _NAME_BYTES:
        return f"{quoted(name)}: an interface name has 1 to {_NAME_BYTES} bytes, this has {size}"
    if name in {".", "..", "all", "default"} or not name.isprintable():
        return f"{quoted(name)}: not an interface name"
    if re.search(r"[\s/:]", name):
        return f"{quoted(name)}: an interface name has no blank, slash or colon"
    return ""
